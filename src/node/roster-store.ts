import { z } from 'zod'
import { type RosterEntry, rosterEntrySchema } from '../authority/index.ts'
import { decode, encode, LIMITS } from '../base/index.ts'
import type { MetaStore } from '../store/index.ts'

const KEY = 'roster'
const schema = z.array(rosterEntrySchema).max(LIMITS.rosterMax)

/** The roster as this node knew it last: whom to admit and to dial before anybody can be asked. */
export function loadRoster(meta: MetaStore): readonly RosterEntry[] {
  const saved = meta.get(KEY)
  return saved === undefined ? [] : decode(schema, saved, 'saved roster')
}

export async function saveRoster(meta: MetaStore, entries: readonly RosterEntry[]): Promise<void> {
  await meta.put(KEY, encode([...entries]))
}
