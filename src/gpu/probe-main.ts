/**
 * The probe: a process between the node and the driver. A call into a driver can hang for ever, and a thread that hangs in one
 * cannot be ended; a process can, or at least be left behind. It answers one look per request, in order, and ends with its node:
 * by the closed channel when it listens, and by the kernel's word when it hangs.
 *
 * Usage: node probe-main.ts SOURCE, with an `NvmlSource` as JSON, and an IPC channel.
 */
import { flushCompileCache } from 'node:module'
import { z } from 'zod'
import { conform, LIMITS, present } from '../base/index.ts'
import type { DriverLook } from './driver-look.ts'

const sourceSchema = z.strictObject({ library: z.string(), kernelFolder: z.string() })
const argument: unknown = JSON.parse(present(process.argv[2], 'the source'))
const source = conform(sourceSchema, argument, 'the source')

/** Where there is no FFI for this system, there is no driver for this program. */
async function openDriver(): Promise<{ look(): DriverLook }> {
  try {
    const { endWithParent } = await import('./parent-death.ts')
    endWithParent()
    const { NvmlDriver } = await import('./nvml-driver.ts')
    // Its end is a KILL, at which Node writes no cache, and the next one is to find it.
    flushCompileCache()
    return new NvmlDriver(source)
  } catch (thrown) {
    const reason = `no FFI: ${String(thrown)}`.slice(0, LIMITS.gpuTextCharsMax)
    return { look: () => ({ state: 'absent', reason }) }
  }
}

// What the node's terminal or service manager sends to everybody is the node's to answer.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined)
process.on('disconnect', () => process.exit(0))
const driver = openDriver()
process.on('message', async () => void process.send?.((await driver).look()))
