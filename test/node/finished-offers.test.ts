import { expect, it } from 'vitest'
import { LIMITS, unixMs } from '../../src/base/index.ts'
import { FinishedOffers } from '../../src/node/finished-offers.ts'
import { OfferJournal } from '../../src/node/offer-journal.ts'
import type { JournalWrite } from '../../src/task/index.ts'

it('keys beyond the bound go, the oldest first, from memory and from disk', async () => {
  const written: JournalWrite[] = []
  const journal = new OfferJournal({
    load: () => Promise.resolve([]),
    write: (records) => {
      written.push(...records)
      return Promise.resolve()
    },
  })
  const finished = new FinishedOffers(journal)
  for (let at = 0; at <= LIMITS.finishedOffersKeptMax; at++)
    finished.add(`key-${at}`, { at: unixMs(at), mayBeLeft: false })
  expect(finished.get('key-0')).toBeUndefined()
  expect(finished.get('key-1')).toEqual({ at: 1, mayBeLeft: false })
  await journal.flush()
  expect(written).toEqual([{ key: 'key-0', value: undefined }])
})

it('a note rides on the next write that somebody waits for, as it is then', async () => {
  const batches: (readonly JournalWrite[])[] = []
  const journal = new OfferJournal({
    load: () => Promise.resolve([]),
    write: (records) => {
      batches.push(records)
      return Promise.resolve()
    },
  })
  let value = new Uint8Array([1])
  journal.note('a', () => value)
  journal.note('b', () => value)
  value = new Uint8Array([2])
  await journal.write('b', new Uint8Array([3]))
  await journal.flush()
  expect(batches).toEqual([
    [
      { key: 'b', value: new Uint8Array([3]) },
      { key: 'a', value: new Uint8Array([2]) },
    ],
  ])
})
