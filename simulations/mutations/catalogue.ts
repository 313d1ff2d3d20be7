import type { Mutation } from './mutation.ts'

export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'holder-uses-receive-time',
    why: 'x',
    file: 'src/authority/held-lease.ts',
    find: 'const quietBy = sentAt + ttlMs * (1 - driftRatio)',
    replace: 'const quietBy = sentAt + ttlMs * (2 - driftRatio)',
    scenarios: ['authority'],
  },
]
