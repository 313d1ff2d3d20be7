/**
 * A node reduced to its `GuardianClient`: runs the one command that it is given, and says when it runs and when it
 * has ended. A line on its stdin is a new deadline, which it confirms. It stays until it is killed, or its stdin ends.
 */
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { present, silentLogger } from '../../src/base/index.ts'
import { GuardianClient } from '../../src/exec/index.ts'

const [directory, spec] = process.argv.slice(2)
const client = new GuardianClient({
  directory: present(directory, 'the directory'),
  logger: silentLogger,
  stopGraceMs: 300,
})
await client.start()
const guardianPid = present(client.guardianPid, 'the guardian')

let bytes = 0
const execution = client.run(JSON.parse(present(spec, 'the spec')), async (_stream, chunk) => {
  bytes += chunk.length
})
await execution.started
say({ guardianPid })
const deadlines = createInterface({ input: process.stdin })
deadlines.on('line', (line) => {
  execution.extend(JSON.parse(line))
  say({ guardianPid })
})
deadlines.on('close', () => void client.stop())
const { cause } = await execution.ended
say({ guardianPid, bytes, cause, ownPeakMiB: peakMiB('self'), guardianPeakMiB: peakMiB(guardianPid) })

function say(report: object): void {
  process.stdout.write(`${JSON.stringify(report)}\n`)
}

function peakMiB(pid: number | 'self'): number {
  const peak = /VmHWM:\s*(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))
  return Number(present(peak?.[1], 'VmHWM')) / 1024
}
