/**
 * The probe: a process between the node and the driver. A call into a driver can hang for ever, and a thread that hangs in one
 * cannot be ended; a process can, or at least be left behind. It answers one look per request, in order, and ends with its node:
 * by the closed channel when it listens, and by the kernel's word (`PR_SET_PDEATHSIG`) when it hangs.
 *
 * Usage: node probe-main.ts SOURCE, with an `NvmlSource` as JSON, and an IPC channel.
 */
import koffi from 'koffi'
import { z } from 'zod'
import { conform, present } from '../base/index.ts'
import { NvmlDriver } from './nvml-driver.ts'

const PR_SET_PDEATHSIG = 1
const SIGKILL = 9

const sourceSchema = z.strictObject({ library: z.string(), kernelFolder: z.string() })
const source: unknown = JSON.parse(present(process.argv[2], 'the source'))
const driver = new NvmlDriver(conform(sourceSchema, source, 'the source'))

if (process.platform === 'linux')
  koffi.load(null).func('prctl', 'int', ['int', 'ulong'])(PR_SET_PDEATHSIG, SIGKILL)

// What the node's terminal or service manager sends to everybody is the node's to answer.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined)
process.on('disconnect', () => process.exit(0))
process.on('message', () => void process.send?.(driver.look()))
