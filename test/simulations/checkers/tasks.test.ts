/** The checkers of whole task lives: each sentence that they can say, and that a life which is in order makes none of them speak. */
import { describe, expect, test } from 'vitest'
import type { ObservedFact } from '../../../simulations/observation.ts'
import type { TaskWord } from '../../../simulations/work-facts.ts'
import type { PeerId, ScopeKey } from '../../../src/base/index.ts'
import { ada, bob, cyd, lease, Told, TTL_MS, task } from './told.ts'

/** ρ is 1 %. */
const SPAN_MS = TTL_MS * 0.99
const JOB = task(1)
const KEY = 'task:1' as ScopeKey
const MARK = 'abcdef01'
const NONE = 0 as const

const said = (node: PeerId, to: PeerId, word: TaskWord, leaseId = lease(10)): ObservedFact => ({
  type: 'task-said',
  node,
  to,
  task: JOB,
  leaseId,
  word,
})
const recorded = (
  state: string,
  worker: PeerId | undefined = bob,
  leaseId = lease(10),
  attached = true,
): ObservedFact => ({
  type: 'task-recorded',
  node: ada,
  task: JOB,
  state,
  attached,
  worker,
  leaseId,
})
const offer = (state: string, outcome?: string): ObservedFact => ({
  type: 'offer-recorded',
  node: bob,
  key: 'k/10',
  task: JOB,
  submitter: ada,
  leaseId: lease(10),
  state,
  outcome,
})
const spawned = (node: PeerId, leaseId: 0 | ReturnType<typeof lease> = lease(10)): ObservedFact => ({
  type: 'command-spawned',
  node,
  key: KEY,
  leaseId,
  mark: MARK,
})
const exited = (exitCode = 0, printedBytes = 32): ObservedFact => ({
  type: 'command-exited',
  node: bob,
  key: KEY,
  leaseId: lease(10),
  exitCode,
  printedBytes,
})
const runs = (node: PeerId, execution: string, leaseId: 0 | ReturnType<typeof lease>): ObservedFact => ({
  type: 'execution-started',
  node,
  execution,
  key: KEY,
  leaseId,
})
const stops = (node: PeerId, execution: string): ObservedFact => ({
  type: 'execution-ended',
  node,
  execution,
})
const settled = (fields: Partial<Extract<ObservedFact, { type: 'task-settled' }>> = {}): ObservedFact => ({
  type: 'task-settled',
  node: ada,
  task: JOB,
  state: 'completed',
  reason: undefined,
  leaseId: lease(10),
  cause: 'exited',
  exitCode: 0,
  starts: 1,
  ...fields,
})
const told = (state: string, leaseId: 0 | ReturnType<typeof lease> = 0, reason?: string): ObservedFact => ({
  type: 'task-told',
  node: ada,
  task: JOB,
  state,
  leaseId,
  reason,
  detail: undefined,
})
const printed = (from: number, to: number) => ({ mark: MARK, from, to })
const logged = (from: number, to: number): ObservedFact => ({
  type: 'output-logged',
  node: ada,
  task: JOB,
  ...printed(from, to),
})
const found = (...pieces: readonly ReturnType<typeof printed>[]): ObservedFact => ({
  type: 'output-found',
  node: ada,
  task: JOB,
  begin: 0,
  end: pieces.at(-1)?.to ?? 0,
  pieces,
})
const loaded = (...keys: readonly string[]): ObservedFact => ({
  type: 'journal-loaded',
  node: ada,
  of: 'submitter',
  keys,
})
const accepted: ObservedFact = { type: 'task-accepted', node: ada, task: JOB }

const judged = (...facts: readonly ObservedFact[]): string[] => new Told().tell(...facts).judged()

test('a whole attached life on another node, with a restart of its submitter, passes', () => {
  const life = new Told()
    .tell(accepted, told('queued'), recorded('leasing', undefined, NONE as never))
    .grants(10, bob, KEY)
    .tell(
      recorded('offered'),
      said(ada, bob, { kind: 'offer', attachedTtlMs: TTL_MS }),
      offer('confirming'),
      said(bob, ada, { kind: 'renew', sequence: 0 }),
    )
    .renews(10, bob, KEY)
    .tell(said(ada, bob, { kind: 'renewed', sequence: 0 }), said(bob, ada, { kind: 'accept' }))
    .tell(spawned(bob), runs(bob, 'x', lease(10)), said(bob, ada, { kind: 'started' }))
    .tell(recorded('running'), told('running', lease(10)), found(), logged(0, 16))
    .tell(said(ada, bob, { kind: 'output-ack', bytes: 16 }), loaded('1'), found(printed(0, 16)))
    .tell(logged(16, 32), stops(bob, 'x'), exited(), offer('ended', 'fine'))
    .tell(said(bob, ada, { kind: 'result', outcome: 'fine' }), recorded('completed'), settled())
    .tell(said(ada, bob, { kind: 'result-ack' }), offer('finished'))
    .releases(10, bob, KEY)
    .tell({ type: 'phase', phase: 'end' })
  expect(life.judged()).toEqual([])
})

describe('single owner finds', () => {
  test('an execution without a lease beside another one', () => {
    const two = new Told().grants(10, bob, KEY).tell(runs(bob, 'x', lease(10)), runs(ada, 'y', NONE))
    expect(two.judged()).toEqual([
      'single-owner: starts y for task:1 under lease 0 while x runs on bob under lease 10',
    ])
    const one = new Told().grants(10, bob, KEY)
    one.tell(runs(bob, 'x', lease(10)), stops(bob, 'x'), runs(ada, 'y', NONE))
    expect(one.judged()).toEqual([])
  })
})

describe('quiet at end finds', () => {
  test('what still executes when the final result is told, and what starts afterwards', () => {
    const still = new Told().grants(10, bob, KEY).tell(runs(bob, 'x', lease(10)), spawned(bob))
    still.tell(settled({ state: 'cancelled', cause: undefined, exitCode: undefined }))
    expect(still.judged()).toEqual(['quiet-at-end: x still runs when task:1 is told as cancelled'])
    const later = new Told().grants(10, bob, KEY).tell(spawned(bob))
    later.tell(settled({ state: 'failed', cause: 'timeout', exitCode: undefined }), runs(bob, 'x', lease(10)))
    expect(later.judged()).toEqual(['quiet-at-end: x starts; task:1 was told as failed'])
  })
})

describe('true result finds', () => {
  test('a second start under one lease', () => {
    expect(judged(spawned(bob), spawned(bob))).toEqual([
      'true-result: starts the command of task:1 under lease 10 again; it ran on bob',
    ])
  })

  test('an end that was none, or another one', () => {
    expect(judged(spawned(bob), settled())).toEqual([
      'true-result: says that task 1 exited with 0 under lease 10; the command did not',
    ])
    expect(judged(spawned(bob), exited(3, 0), settled())).toEqual([
      'true-result: says that task 1 exited with 0 under lease 10; the command exited with 3',
    ])
    expect(judged(spawned(bob), settled({ cause: undefined, exitCode: undefined }))).toEqual([
      'true-result: says that task 1 completed, and no command of it exited',
    ])
  })

  test('more starts than there were', () => {
    expect(judged(spawned(bob), exited(0, 0), settled({ starts: 2 }))).toEqual([
      'true-result: says that task 1 was started 2 times; it was 1 times',
    ])
  })
})

describe('journal first finds', () => {
  test('an offer that is not on disk at its submitter', () => {
    expect(
      judged(recorded('leasing', bob, lease(9)), said(ada, bob, { kind: 'offer', attachedTtlMs: undefined })),
    ).toEqual(['journal-first: offers task 1 under lease 10, which its journal does not have'])
  })

  test.each(['accept', 'started'] as const)("'%s' of what is not on disk at the worker", (kind) => {
    expect(judged(said(bob, ada, { kind }))).toEqual([
      `journal-first: says '${kind}' of task 1 under lease 10, which its journal does not have`,
    ])
  })

  test('a result that is not on disk at the worker, or another one', () => {
    const sent = said(bob, ada, { kind: 'result', outcome: 'fine' })
    const sentence = 'journal-first: sends a result of task 1 under lease 10 which its journal does not have'
    expect(judged(offer('running'), sent)).toEqual([sentence])
    expect(judged(offer('ended', 'bad'), sent)).toEqual([sentence])
    expect(judged(offer('ended', 'fine'), sent)).toEqual([])
  })

  test('an acknowledgement of a result for which the journal of the submitter still waits', () => {
    const acknowledged = said(ada, bob, { kind: 'result-ack' })
    expect(judged(recorded('running'), acknowledged)).toEqual([
      'journal-first: acknowledges the result of task 1 under lease 10; its journal still waits for it',
    ])
    expect(judged(recorded('running', cyd, lease(20)), acknowledged)).toEqual([])
    expect(judged(recorded('completed'), acknowledged)).toEqual([])
    expect(judged(recorded('running'), { type: 'journal-lost', node: ada }, acknowledged)).toEqual([])
  })

  test('a result that is forgotten, or finished, before anybody acknowledged it', () => {
    const sentence =
      'journal-first: forgets the result of task 1 under lease 10, which nobody has acknowledged'
    const forgets: ObservedFact = { type: 'offer-forgotten', node: bob, key: 'k/10' }
    expect(judged(offer('ended', 'fine'), forgets)).toEqual([sentence])
    expect(judged(offer('ended', 'fine'), offer('finished'))).toEqual([sentence])
    expect(judged(offer('running'), forgets)).toEqual([])
  })

  test('a result that was never delivered, unless its disk is gone', () => {
    const end: ObservedFact = { type: 'phase', phase: 'end' }
    expect(judged(offer('ended', 'fine'), end)).toEqual([
      'journal-first: the result of task 1 under lease 10 was never acknowledged',
    ])
    for (const node of [ada, bob])
      expect(judged(offer('ended', 'fine'), { type: 'journal-lost', node }, end)).toEqual([])
  })
})

describe('told tasks finds', () => {
  test('a task that is not there after a restart, unless its disk is gone', () => {
    expect(judged(accepted, loaded('2'))).toEqual([
      'told-tasks: task 1 was told to its user, and is not in the journal',
    ])
    expect(judged(accepted, { type: 'journal-lost', node: ada }, loaded())).toEqual([])
  })

  test('a story that begins in the middle, goes on after its end, or back', () => {
    expect(judged(told('running'))).toEqual(['told-tasks: task 1 begins as running'])
    expect(judged(told('queued'), told('failed'), told('running'))).toEqual([
      'told-tasks: task 1 goes on as running after its end',
    ])
    expect(judged(told('queued'), told('offered', lease(10)), told('running', lease(9)))).toEqual([
      'told-tasks: task 1 goes back from lease 10 to 9',
    ])
  })

  test('a fallback without a reason', () => {
    expect(judged(told('queued'), told('fallback'))).toEqual([
      'told-tasks: task 1 falls back, and nobody is told why',
    ])
    expect(judged(told('queued'), told('fallback', NONE, 'worker_lost'))).toEqual([])
  })

  test('output that was told before', () => {
    const tell = (from: number, to: number): ObservedFact => ({
      type: 'output-told',
      node: ada,
      task: JOB,
      ...printed(from, to),
    })
    expect(judged(tell(0, 32), tell(32, 48))).toEqual([])
    expect(judged(tell(0, 32), tell(16, 48))).toEqual([
      'told-tasks: task 1: output of abcdef01 from byte 16 on was told before, up to 32',
    ])
  })
})

describe('output kept finds', () => {
  test('an acknowledgement of what is not on disk', () => {
    const acknowledged = said(ada, bob, { kind: 'output-ack', bytes: 32 })
    expect(judged(spawned(bob), found(), logged(0, 16), acknowledged)).toEqual([
      'output-kept: acknowledges 32 bytes of output of task 1; 16 are on disk',
    ])
  })

  test('what a restart lost, unless the whole disk is gone', () => {
    expect(judged(spawned(bob), found(), logged(0, 32), found(printed(0, 16)))).toEqual([
      'output-kept: of the output of abcdef01 for task 1, 16 of 32 bytes are left',
    ])
    expect(judged(found(), logged(0, 32), { type: 'journal-lost', node: ada }, found())).toEqual([])
  })

  test('a piece that is missing or doubled', () => {
    expect(judged(found(), logged(0, 16), logged(32, 48))).toEqual([
      'output-kept: task 1: output of abcdef01 from 32 on is logged behind byte 16',
    ])
    expect(judged(found(), logged(0, 16), logged(0, 16))).toEqual([
      'output-kept: task 1: output of abcdef01 from 0 on is logged behind byte 16',
    ])
  })

  test('a result whose output is not all there', () => {
    expect(judged(spawned(bob), found(), logged(0, 16), exited(), settled())).toEqual([
      'output-kept: task 1 has its result; 16 of 32 bytes of its output are on disk, and 0 are told as missing',
    ])
    const gap: ObservedFact = { ...logged(0, 16), mark: 'gap' } as ObservedFact
    expect(judged(spawned(bob), found(), logged(0, 16), gap, exited(), settled())).toEqual([])
  })
})

describe('attached span finds', () => {
  const offered = (): Told =>
    new Told()
      .grants(10, bob, KEY)
      .tell(recorded('offered'), said(ada, bob, { kind: 'offer', attachedTtlMs: TTL_MS }))
  /** From the sending of the request on, which is the millisecond `at`. */
  const spanFrom = (life: Told, at: number): Told =>
    life
      .at(at)
      .tell(said(bob, ada, { kind: 'renew', sequence: 0 }), said(ada, bob, { kind: 'renewed', sequence: 0 }))

  test('an execution that its submitter gave no span, or whose span is over', () => {
    expect(
      offered()
        .tell(runs(bob, 'x', lease(10)))
        .judged(),
    ).toEqual(['attached-span: x runs without the span that ada gave it'])
    const late = spanFrom(offered(), 100).tell(runs(bob, 'x', lease(10)))
    late.at(100 + SPAN_MS + 10).tell(stops(bob, 'x'))
    expect(late.judged()).toEqual(['attached-span: x runs 10 ms after the span that ada gave it'])
    const inTime = spanFrom(offered(), 100).tell(runs(bob, 'x', lease(10)))
    expect(
      inTime
        .at(100 + SPAN_MS)
        .tell(stops(bob, 'x'))
        .judged(),
    ).toEqual([])
  })

  test('a repetition of a request does not extend the span', () => {
    const again = spanFrom(offered(), 100).tell(runs(bob, 'x', lease(10)))
    spanFrom(again, 600)
    again.at(100 + SPAN_MS + 5).tell(stops(bob, 'x'))
    expect(again.judged()).toEqual(['attached-span: x runs 5 ms after the span that ada gave it'])
  })

  test('a detached task that is executed without a lease', () => {
    const home = (attached: boolean): string[] =>
      judged(recorded('offered', ada, lease(10), attached), runs(ada, 'y', NONE))
    expect(home(false)).toEqual(['attached-span: starts task:1 without a lease, and it is detached'])
    expect(home(true)).toEqual([])
  })

  test('an execution at home while a worker has its span, unless it said that it is quiet', () => {
    const home = spanFrom(offered(), 100)
      .at(500)
      .tell(runs(ada, 'y', NONE))
    expect(home.judged()).toEqual([
      'attached-span: starts task:1 at home; bob may execute it for 590 ms under lease 10',
    ])
    const waited = spanFrom(offered(), 100).at(100 + SPAN_MS)
    expect(waited.tell(runs(ada, 'y', NONE)).judged()).toEqual([])
    const quiet = spanFrom(offered(), 100).tell(offer('ended', 'fine'))
    quiet.tell(said(bob, ada, { kind: 'result', outcome: 'fine' }), runs(ada, 'y', NONE))
    expect(quiet.judged()).toEqual([])
  })
})
