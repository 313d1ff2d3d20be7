import fc from 'fast-check'
import { expect, test } from 'vitest'
import { bootMs } from '../../src/base/index.ts'
import { Agenda, Timer } from '../../src/membership/agenda.ts'

const commands = fc.array(
  fc.oneof(
    fc.record({ type: fc.constant('set' as const), timer: fc.nat(9), at: fc.nat(100) }),
    fc.record({ type: fc.constant('cancel' as const), timer: fc.nat(9) }),
    fc.record({ type: fc.constant('take' as const), at: fc.nat(100) }),
  ),
  { maxLength: 60 },
)

test('the agenda gives what is due, earliest first, however timers are set, moved and cancelled', () => {
  fc.assert(
    fc.property(commands, (script) => {
      const agenda = new Agenda()
      const timers = Array.from({ length: 10 }, () => new Timer(() => undefined))
      const set = new Map<Timer, number>()
      for (const command of script) {
        if (command.type === 'take') {
          const earliest = Math.min(...set.values())
          const taken = agenda.takeDue(bootMs(command.at))
          if (earliest > command.at) expect(taken).toBeUndefined()
          else expect(taken?.at).toBe(earliest)
          if (taken !== undefined) set.delete(taken)
        } else {
          const timer = timers[command.timer]
          if (timer === undefined) continue
          if (command.type === 'set') {
            agenda.set(timer, bootMs(command.at))
            set.set(timer, command.at)
          } else {
            agenda.cancel(timer)
            set.delete(timer)
          }
        }
        expect(agenda.dueAt).toBe(Math.min(...set.values()))
        for (const timer of timers) expect(timer.isSet).toBe(set.has(timer))
      }
    }),
  )
})
