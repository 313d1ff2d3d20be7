import { spawn } from 'node:child_process'
import { describe, expect, onTestFinished, test } from 'vitest'
import { present } from '../../src/base/index.ts'
import {
  listProcesses,
  type ProcessIdentity,
  parseStat,
  readProcess,
} from '../../src/exec/linux-processes.ts'
import { endProcesses, Hunt, type Quarry } from '../../src/exec/quiet.ts'
import { isAlive, living, shell, uniqueSleep, until } from './world.ts'

/** A process group of its own, which nobody guards. */
function startGroup(script: string, env: NodeJS.ProcessEnv = process.env): ProcessIdentity {
  const [command, ...args] = shell(script)
  const child = spawn(command, args, { detached: true, stdio: 'ignore', env })
  const { pid, startTicks } = present(readProcess(present(child.pid, 'pid')), 'process')
  onTestFinished(() => {
    for (const info of listProcesses()) if (info.group === pid) process.kill(info.pid, 'SIGKILL')
  })
  return { pid, startTicks }
}

function quarry(leader: ProcessIdentity | undefined, more: Partial<Quarry> = {}): Quarry {
  return { leader, marker: 'POPULI_EXECUTION_ID=none', groupOutlivesLeader: true, ...more }
}

describe('a hunt', () => {
  test('finds the group, kills it, and proves it', async () => {
    const tag = uniqueSleep()
    const leader = startGroup(`sleep ${tag} & sleep ${tag} & wait`)
    await until(() => living(`sleep\0${tag}`).length === 2)
    const hunt = new Hunt(quarry(leader))
    expect((await hunt.look()).found).toHaveLength(3)
    expect(await endProcesses(hunt)).toBe(true)
    expect(living(tag)).toEqual([])
  })

  test('leaves a group alone whose leader has the pid but not the start time: the pid was reused', async () => {
    const tag = uniqueSleep()
    const leader = startGroup(`sleep ${tag} & sleep ${tag} & wait`)
    await until(() => living(`sleep\0${tag}`).length === 2)
    for (const startTicks of [leader.startTicks - 100, leader.startTicks + 100]) {
      const hunt = new Hunt(quarry({ pid: leader.pid, startTicks }))
      expect((await hunt.look()).found).toEqual([])
      expect(await endProcesses(hunt)).toBe(true)
    }
    expect(isAlive(leader.pid)).toBe(true)
  })

  test('trusts the number of a group without leader only when it was told so, and the mark always', async () => {
    const tag = uniqueSleep()
    const marker = `POPULI_EXECUTION_ID=${tag}`
    const unmarked = startGroup(`sleep ${tag} &`)
    const marked = startGroup(`sleep ${tag} &`, { ...process.env, POPULI_EXECUTION_ID: tag })
    await until(() => living(`sleep\0${tag}`).length === 2 && living(`sh\0-c\0sleep ${tag}`).length === 0)
    await until(() => readProcess(unmarked.pid) === undefined && readProcess(marked.pid) === undefined)
    const found = async (one: Quarry): Promise<number> => (await new Hunt(one).look()).found.length
    expect(await found(quarry(unmarked, { groupOutlivesLeader: false }))).toBe(0)
    expect(await found(quarry(unmarked))).toBe(1)
    expect(await found(quarry(marked, { groupOutlivesLeader: false, marker }))).toBe(1)
    expect(await found(quarry(undefined, { marker }))).toBe(1)
    expect(await found(quarry(undefined, { marker: marker.slice(0, -1) }))).toBe(0)
  })

  test('does not count a zombie as alive', async () => {
    const tag = uniqueSleep()
    const leader = startGroup(`true & exec sleep ${tag}`)
    const isZombie = (): boolean =>
      listProcesses().some((info) => info.parent === leader.pid && info.group === leader.pid && !info.alive)
    await until(() => isZombie() && living(`sleep\0${tag}`).length === 1)
    const { found } = await new Hunt(quarry(leader)).look()
    expect(found.map((info) => info.pid)).toEqual([leader.pid])
  })

  test('refuses to hunt everybody', () => {
    for (const pid of [0, 1, -1]) expect(() => new Hunt(quarry({ pid, startTicks: 0 }))).toThrow(/everybody/)
  })
})

describe('/proc/PID/stat', () => {
  const tail = '7 8 9 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0 123456 1000 200'

  test('is read behind the name, which may look like anything', () => {
    const stat = parseStat(`42 (a) R 1 (b) S ${tail}`)
    expect(stat).toEqual({ pid: 42, parent: 7, group: 8, session: 9, startTicks: 123456, alive: true })
  })

  test('tells the dead from the living: a zombie with threads lives', () => {
    expect(parseStat(`42 (x) Z ${tail}`).alive).toBe(false)
    expect(parseStat(`42 (x) X ${tail}`).alive).toBe(false)
    expect(parseStat(`42 (x) D ${tail}`).alive).toBe(true)
    expect(parseStat(`42 (x) Z ${tail.replace(' 20 0 1 0 ', ' 20 0 3 0 ')}`).alive).toBe(true)
  })
})
