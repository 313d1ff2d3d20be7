/** Mistakes below consensus: what is taken for written, and what is believed that was read. */
import type { Mutation } from './mutation.ts'

export const STORAGE_MUTATIONS: readonly Mutation[] = [
  {
    name: 'write-not-waited-for',
    why: 'A batch is reported as written when it was handed over: the disk may still lose it.',
    edits: [
      {
        file: 'src/store/batch-writer.ts',
        find: 'await this.engine.write(operations)',
        replace: 'void this.engine.write(operations).catch(() => undefined)',
      },
    ],
    scenarios: ['authority', 'disks'],
  },
  {
    name: 'failed-write-ignored',
    why: 'A write failed, and the node goes on as if it had not (what a retried fsync amounts to).',
    edits: [
      {
        file: 'src/store/batch-writer.ts',
        find: '      this.fail(group, thrown)\n      return\n',
        replace: '      if (this.closed) return this.fail(group, thrown)\n',
      },
    ],
    scenarios: ['disks', 'authority'],
  },
  {
    name: 'torn-write-accepted',
    why: 'What a crash left of a batch is taken for the batch.',
    edits: [
      {
        file: 'src/store/log-records.ts',
        find: 'if (expected !== undefined && index > expected.count)',
        replace: 'if (expected !== undefined && index < 0)',
      },
      {
        file: 'src/store/log-records.ts',
        find: 'else if (link !== undefined && link !== expected.digest)',
        replace: 'else if (last < 0)',
      },
      {
        file: 'src/store/section-reader.ts',
        find: '  if (expected === undefined) return\n  if (count !== expected.count)',
        replace: '  if (expected === undefined || damaged === 0) return\n  if (count !== expected.count)',
      },
    ],
    scenarios: ['disks', 'authority'],
  },
  {
    name: 'lost-batches-accepted',
    why: 'A disk that comes back older than it was is believed: the node forgets what it acknowledged.',
    edits: [
      {
        file: 'src/store/store-head.ts',
        find: 'if (mark !== undefined && mark > ledger.batch)',
        replace: 'if (mark !== undefined && mark < 0)',
      },
    ],
    scenarios: ['disks', 'authority'],
  },
]
