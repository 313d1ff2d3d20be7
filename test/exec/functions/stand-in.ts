/**
 * A node reduced to its guardian and its functions: makes one call in this process and says how it ended. It stays until it is
 * killed, or its stdin ends.
 *
 * Usage: node stand-in.ts DIRECTORY HANDLER TERM_MS KILL_MS
 */
import { bootMs, type ExecutionId, present, SystemClock, silentLogger } from '../../../src/base/index.ts'
import { type FunctionHandler, FunctionRegistry, GuardianClient } from '../../../src/exec/index.ts'

const HANDLERS: Readonly<Record<string, FunctionHandler>> = {
  block: () => {
    say('begun')
    for (;;);
  },
  ignore: () => {
    say('begun')
    return new Promise(() => undefined)
  },
  obey: (_input, { signal }) => {
    say('begun')
    return new Promise((resolve) => signal.addEventListener('abort', () => resolve('stopped')))
  },
}

const [directory, name = '', termMs, killMs] = process.argv.slice(2)
const clock = new SystemClock()
const guardian = new GuardianClient({
  directory: present(directory, 'the directory'),
  logger: silentLogger,
  stopGraceMs: 300,
})
await guardian.start()
say(`guardian ${guardian.guardianPid}`)
const registry = new FunctionRegistry({ guardian, clock, logger: silentLogger })
registry.register(name, present(HANDLERS[name], 'a handler'))
const call = registry.run(
  {
    executionId: 'call-1' as ExecutionId,
    name,
    inputJson: '1',
    taskId: '17',
    fencingToken: 1,
    traceparent: undefined,
    deadline: { termAt: bootMs(clock.now() + Number(termMs)), killAt: bootMs(clock.now() + Number(killMs)) },
  },
  async () => undefined,
)
process.stdin.resume()
process.stdin.on('close', () => void guardian.stop())
say(`ended ${(await call.ended).cause}`)

/** At once: an event loop that is blocked from here on has said it. */
function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
