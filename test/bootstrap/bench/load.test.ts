import { expect, test } from 'vitest'
import { Load } from '../../../bootstrap/bench/load.ts'
import type { LockService } from '../../../bootstrap/bench/lock-service.ts'

/** Grants at once; each request goes on after a turn of the event loop, as one over a network does. */
class FakeService implements LockService {
  readonly held = new Set<string>()
  grants = 0
  mostHeld = 0
  lose: () => void = () => undefined

  async acquire(key: string): Promise<() => Promise<void>> {
    await turn()
    if (this.held.has(key)) throw new TypeError(`${key} is held`)
    this.held.add(key)
    this.grants += 1
    this.mostHeld = Math.max(this.mostHeld, this.held.size)
    return async () => {
      await turn()
      this.held.delete(key)
    }
  }

  connectionLost(): Promise<void> {
    return new Promise((resolve) => {
      this.lose = resolve
    })
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('8 clients: a count of grants is reached, everything is given back, nobody holds two', async () => {
  const service = new FakeService()
  await new Load(service).grant(8, 100)
  expect(service.grants).toBeGreaterThanOrEqual(100)
  expect(service.grants).toBeLessThan(100 + 8)
  expect(service.mostHeld).toBe(8)
  expect(service.held.size).toBe(0)
})

test('measured are grants of the time that is measured, and the clients have stopped at its end', async () => {
  const service = new FakeService()
  const until = async (grants: number): Promise<void> => {
    while (service.grants < grants) await turn()
  }
  const measured = await new Load(service, until).measure(2, 10, 30)
  expect(measured.grantsPerSecond).toBeGreaterThan(0)
  expect(measured.p50Ms).toBeLessThanOrEqual(measured.p99Ms)
  expect(measured.p99Ms).toBeLessThanOrEqual(measured.maxMs)
  const { grants } = service
  await turn()
  await turn()
  expect([service.grants, service.held.size]).toEqual([grants, 0])
})

test('a measurement without a grant is none', async () => {
  const load = new Load(new FakeService(), () => Promise.resolve())
  await expect(load.measure(1, 1, 1)).rejects.toThrow(/no grant within 11 ms/)
})

test('what was granted before the connection to the dead server closed is no recovery', async () => {
  const service = new FakeService()
  const load = new Load(service)
  load.start(1)
  load.watch(0)
  let isRecovered = false
  const recovered = load.recovered().then((recovery) => {
    isRecovered = true
    return recovery
  })
  while (service.grants < 10) await turn()
  expect(isRecovered).toBe(false)
  service.lose()
  const { lostAtMs, grantedAtMs } = await recovered
  expect(grantedAtMs).toBeGreaterThanOrEqual(lostAtMs)
  await load.stop()
})

test('nothing is recovered from when nothing is watched', async () => {
  await expect(new Load(new FakeService()).recovered()).rejects.toThrow(/nothing is watched/)
})
