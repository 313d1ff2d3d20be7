import { describe, expect, test } from 'vitest'
import { bootMs, CodedError } from '../../src/base/index.ts'
import { NO_DEADLINE } from '../../src/exec/index.ts'
import { NodeGuard } from '../../src/exec/node-guard.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

interface World {
  readonly guard: NodeGuard
  /** Times that the guardian was told, in order. */
  readonly told: (number | undefined)[]
  /** What sending comes to, until it is set again. */
  sent: Promise<void> | undefined
}

function world(): World {
  const told: (number | undefined)[] = []
  const guard = new NodeGuard((command) => {
    if (command.kind === 'guard-node') told.push(command.killAt)
    return at.sent
  })
  const at: World = { guard, told, sent: undefined }
  return at
}

const at = (killAt: number) => ({ killAt: bootMs(killAt), label: 'a call' })

describe('the guard of the node', () => {
  test('is told before the first call begins, and that there is none at the end of the turn', async () => {
    const { guard, told } = world()
    const [one, two] = [{}, {}]
    expect(guard.hold(one, at(100))).toBe(undefined)
    expect(told).toEqual([100])
    guard.release(one)
    await guard.hold(two, at(101))
    guard.release(two)
    expect(told).toEqual([100])
    await turn()
    expect(told).toEqual([100, undefined])
    expect(guard.isHeld).toBe(false)
  })

  test('is the earliest of all calls: told at once when it comes nearer, at the end of the turn when it goes away', async () => {
    const { guard, told } = world()
    const [near, far] = [{}, {}]
    await guard.hold(far, at(200))
    await guard.hold(near, at(100))
    expect(told).toEqual([200, 100])
    await guard.hold(near, at(150))
    await turn()
    expect(told).toEqual([200, 100, 150])
    guard.release(near)
    await turn()
    expect(told).toEqual([200, 100, 150, 200])
  })

  test('that is still on its way when its call is over is taken back all the same', async () => {
    const world_ = world()
    const { guard, told } = world_
    const call = {}
    const { promise, resolve } = Promise.withResolvers<void>()
    world_.sent = promise
    const held = guard.hold(call, at(100))
    expect(held).toBeInstanceOf(Promise)
    guard.release(call)
    world_.sent = undefined
    resolve()
    await held
    await turn()
    expect(told.at(-1)).toBe(undefined)
    expect(told[0]).toBe(100)
  })

  test('is told again to the guardian that follows a lost one', () => {
    const { guard, told } = world()
    void guard.hold({}, at(100))
    guard.guardianChanged()
    expect(told).toEqual([100, 100])
  })

  test('is released when no call has a deadline any more; one without a lease is owed to nobody', async () => {
    const { guard } = world()
    const [leased, free] = [{}, {}]
    void guard.hold(free, { ...NO_DEADLINE, label: 'at home' })
    await guard.released()
    void guard.hold(leased, at(100))
    let isReleased = false
    const released = guard.released().then(() => {
      isReleased = true
    })
    await turn()
    expect(isReleased).toBe(false)
    guard.release(leased)
    await released
  })

  test('that nobody can keep is refused', async () => {
    const world_ = world()
    world_.sent = Promise.reject(new CodedError('exec.guardian_lost'))
    await expect(world_.guard.hold({}, at(100))).rejects.toThrow('the guardian process ended')
  })
})
