/**
 * A program that embeds a node as a worker. Its functions write a line for each step of theirs to a file, by which a test sees what
 * ran where and when.
 *
 * Usage: node embedding-worker.ts DATA_DIR INVITE NAME JOURNAL; it leaves at the end of its stdin.
 */
import { present } from '../../../src/base/index.ts'
import { createNode, joinNode, silentLogger } from '../../../src/index.ts'
import { functionsOf, SETTINGS } from './embedding-functions.ts'

const [dataDir, invite, nodeId, journal] = process.argv.slice(2).map((text) => present(text, 'an argument'))
await joinNode({
  dataDir: present(dataDir, 'DATA_DIR'),
  invite: present(invite, 'INVITE'),
  nodeId: present(nodeId, 'NAME'),
})
const node = await createNode({
  dataDir: present(dataDir, 'DATA_DIR'),
  settings: SETTINGS,
  functions: functionsOf(present(nodeId, 'NAME'), present(journal, 'JOURNAL')),
  logger: silentLogger,
})
process.stdin.resume()
process.stdin.on('close', () => void node.close().then(() => process.exit(0)))
process.stdout.write('up\n')
