import { logIndex, type PeerId, term } from '../../src/base/index.ts'
import type { Entry, HardState, LogBase } from '../../src/raft/index.ts'
import type { NodeStores } from '../../src/store/index.ts'

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

export const NO_BASE: LogBase = { index: logIndex(0), term: term(0), configuration: new Uint8Array() }

export function entry(index: number, inTerm: number, text = `command ${index} of term ${inTerm}`): Entry {
  return { index: logIndex(index), term: term(inTerm), kind: 'command', data: bytes(text) }
}

export function hardState(inTerm: number, commitIndex: number, vote?: string): HardState {
  return { term: term(inTerm), vote: vote as PeerId | undefined, commitIndex: logIndex(commitIndex) }
}

/** Everything that a store holds, in a form that two stores can be compared by. */
export async function contents(stores: NodeStores): Promise<unknown> {
  const log = await stores.log.load()
  const state = await stores.state.load()
  return {
    hardState: log.hardState,
    base: { ...log.base, configuration: hex(log.base.configuration) },
    entries: log.entries.map((one) => ({ ...one, data: hex(one.data) })),
    appliedIndex: state.appliedIndex,
    state: [...state.records].map(([key, value]) => [key, hex(value)]),
    submitter: (await stores.submitterJournal.load()).map(({ key, value }) => [key, hex(value)]),
    worker: (await stores.workerJournal.load()).map(({ key, value }) => [key, hex(value)]),
    incarnation: hex(stores.meta.get('incarnation') ?? new Uint8Array()),
  }
}

/** Step `index` of a node's life: an entry, its effect, a task's progress, and now and then a new incarnation. */
export async function step(stores: NodeStores, index: number): Promise<void> {
  const padding = '.'.repeat(index % 40)
  await stores.log.append({
    hardState: hardState(1, index - 1),
    entries: [entry(index, 1, `command ${index}${padding}`)],
  })
  await stores.state.commit(logIndex(index), [{ key: `lease/${index % 7}`, value: bytes(`grant ${index}`) }])
  const key = `task-${index % 5}`
  await stores.submitterJournal.write([{ key, value: bytes(`running ${index}`) }])
  await stores.workerJournal.write([{ key, value: index % 3 === 0 ? undefined : bytes(`run ${index}`) }])
  if (index % 8 === 0) await stores.meta.put('incarnation', bytes(String(index)))
}

function hex(value: Uint8Array): string {
  return Buffer.from(value).toString('hex')
}
