/** A node reduced to its `DriverClient`: asks the driver of the library that it is given, until it is killed. */
import { present, silentLogger } from '../../src/base/index.ts'
import { DriverClient } from '../../src/gpu/index.ts'

const library = present(process.argv[2], 'the library')
await new DriverClient({ library, logger: silentLogger }).look()
