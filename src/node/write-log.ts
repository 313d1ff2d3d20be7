import { decodeSnapshot } from '../authority/index.ts'
import { present } from '../base/index.ts'
import type { ReadyWrite } from '../raft/index.ts'
import type { NodeStores } from '../store/index.ts'

/** One durable step of consensus. A snapshot takes the place of the log and of the state's records at once. */
export function writeLog(stores: NodeStores, { snapshot, hardState, entries }: ReadyWrite): Promise<void> {
  if (snapshot === undefined) return stores.log.append({ hardState, entries })
  const { index, term, configuration, data } = snapshot
  return stores.installSnapshot({
    hardState: present(hardState, 'hard state of an installed snapshot'),
    base: { index, term, configuration },
    records: decodeSnapshot(data),
  })
}
