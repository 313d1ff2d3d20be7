import { expect, it } from 'vitest'
import { caseNamed } from '../../../simulations/membership/cases.ts'
import { Judge } from '../../../simulations/membership/judge.ts'
import { LAN } from '../../../simulations/membership/paths.ts'
import { Stage } from '../../../simulations/membership/stage.ts'
import { World } from '../../../simulations/membership/world.ts'
import { present, Random } from '../../../src/base/index.ts'
import { MEMBERSHIP_PRESETS } from '../../../src/membership/index.ts'

const NODES = 12
const STATUSES = ['unseen', 'alive', 'suspect', 'dead', 'left']

function worldOf(judge: Judge, lossRatio = 0): World {
  const quality = { ...LAN, lossRatio }
  const options = MEMBERSHIP_PRESETS.lan
  const world = new World({
    nodes: NODES,
    options,
    hangsUp: true,
    quality,
    random: new Random(3),
    facts: judge,
  })
  for (let node = 0; node < NODES; node += 1) world.start(node)
  world.run(10_000)
  return world
}

it('12 members in churn: the judge knows what every core thinks', () => {
  const judge = new Judge(NODES)
  const world = worldOf(judge, 0.1)
  const stage = new Stage(world, judge, new Random(4), world.now + 3_600_000)
  stage.play(present(caseNamed('churn'), 'a case').script(stage))
  for (let minute = 1; minute <= 60; minute += 1) {
    world.run(world.now + 60_000)
    for (let observer = 0; observer < NODES; observer += 1)
      for (const [subject, member] of world.membersOf(observer).entries()) {
        if (subject === observer) continue
        const { status, incarnation } = judge.viewOf(observer, subject)
        expect([STATUSES[status], incarnation]).toEqual([member.status, member.incarnation])
      }
  }
})

it('12 members, one stopped for 4 s: it reads then what came meanwhile, and is not dead', () => {
  const judge = new Judge(NODES)
  const world = worldOf(judge)
  world.block(0)
  world.run(world.now + 4000)
  expect(judge.isAgreed()).toBe(false)
  world.unblock(0)
  world.run(world.now + 2000)
  expect(judge.isAgreed()).toBe(true)
})

it('12 members, one stopped for good: the others hold it for dead, and it does not know', () => {
  const judge = new Judge(NODES)
  const world = worldOf(judge)
  const detection = judge.expectDetection(0, world.now)
  world.block(0)
  world.run(world.now + 20_000)
  expect(detection.everywhereMs).toBeLessThan(10_000)
  expect(judge.viewOf(0, 1).status).toBe(STATUSES.indexOf('alive'))
  world.unblock(0)
  world.run(world.now + 5000)
  expect(judge.isAgreed()).toBe(true)
})

it('12 members in two halves hold each other for dead, and agree after the heal', () => {
  const judge = new Judge(NODES)
  const world = worldOf(judge)
  world.partition(Uint8Array.from({ length: NODES }, (_, node) => node % 2))
  world.run(world.now + 60_000)
  expect(judge.viewOf(0, 1).status).toBe(STATUSES.indexOf('dead'))
  expect(judge.viewOf(0, 2).status).toBe(STATUSES.indexOf('alive'))
  world.heal()
  world.run(world.now + 30_000)
  expect(judge.isAgreed()).toBe(true)
})

it('bytes and messages are counted from when measuring begins', () => {
  const world = worldOf(new Judge(NODES))
  const { payloadBytes } = world.traffic.figures()
  world.resetMeasures()
  expect(world.traffic.figures()).toMatchObject({ messages: 0, payloadBytes: 0, wireBytes: 0 })
  world.run(world.now + 10_000)
  const idle = world.traffic.figures()
  expect(idle.payloadBytes).toBeGreaterThan(0)
  expect(idle.payloadBytes).toBeLessThan(payloadBytes)
  expect(idle.wireBytes).toBeGreaterThan(idle.payloadBytes)
})
