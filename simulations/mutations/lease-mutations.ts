/** Mistakes in leases: time on both sides, tokens, answers that are given twice. */
import type { Mutation } from './mutation.ts'

export const LEASE_MUTATIONS: readonly Mutation[] = [
  {
    name: 'new-leader-starts-no-spans',
    why: 'A new leader forgets the leases that it found: they never run out.',
    edits: [
      {
        file: 'src/authority/lease-expiry.ts',
        find: 'for (const lease of live) this.start(lease, now)',
        replace: 'for (const lease of live.slice(live.length)) this.start(lease, now)',
      },
    ],
    scenarios: ['authority'],
  },
  {
    name: 'new-leader-does-not-restart-spans',
    why: 'A new leader counts on from the half of a span that it guesses to be over, instead of from the start.',
    edits: [
      {
        file: 'src/authority/lease-expiry.ts',
        find: 'for (const lease of live) this.start(lease, now)',
        replace: 'for (const lease of live) this.start(lease, bootMs(now - lease.ttlMs / 2))',
      },
    ],
    scenarios: ['authority', 'partitions'],
  },
  {
    name: 'expiry-ignores-the-drift-bound',
    why: 'The leader waits for less than the TTL, as the holder does: a fast clock ends leases of slow ones.',
    edits: [
      {
        file: 'src/authority/lease-expiry.ts',
        find: 'const deadline = bootMs(now + expirySpanMs(ttlMs, this.driftRatio))',
        replace: 'const deadline = bootMs(now + expirySpanMs(ttlMs, -this.driftRatio))',
      },
    ],
    scenarios: ['authority', 'clocks'],
  },
  {
    name: 'renewal-does-not-extend',
    why: 'A renewal is applied, and the leader goes on counting from the grant.',
    edits: [
      {
        file: 'src/authority/lease-expiry.ts',
        find: '      span.deadline = deadline\n',
        replace: '      span.deadline = bootMs(Math.min(span.deadline, deadline))\n',
      },
    ],
    scenarios: ['authority'],
  },
  {
    name: 'expiry-ignores-a-renewal',
    why: 'An expiry that was proposed before a renewal and applied after it ends the lease all the same.',
    edits: [
      {
        file: 'src/authority/lease-commands.ts',
        find: 'if (lease !== undefined && lease.renewals === renewals) end(',
        replace: 'if (lease !== undefined && lease.renewals >= renewals) end(',
      },
    ],
    scenarios: ['disks', 'partitions', 'authority'],
  },
  {
    name: 'expired-by-a-stale-leader',
    why: 'A leader that comes back trusts the spans of its former term, and its word counts whatever happened meanwhile.',
    edits: [
      {
        file: 'src/authority/lease-expiry.ts',
        find: '    this.spans.clear()\n    this.deadlines = new DeadlineHeap()\n',
        replace: '',
      },
      {
        file: 'src/authority/lease-expiry.ts',
        find: 'for (const lease of live) this.start(lease, now)',
        replace: 'for (const lease of live) if (!this.spans.has(lease.leaseId)) this.start(lease, now)',
      },
      {
        file: 'src/authority/lease-commands.ts',
        find: 'if (command.term !== context.term) return accepted()',
        replace: 'if (command.term > context.term) return accepted()',
      },
      {
        file: 'src/authority/lease-commands.ts',
        find: 'if (lease !== undefined && lease.renewals === renewals) end(',
        replace: 'if (lease !== undefined && lease.renewals >= renewals) end(',
      },
    ],
    scenarios: ['partitions', 'authority'],
  },
  {
    name: 'holder-counts-from-the-answer',
    why: 'The holder counts its span from when the answer came, not from when it asked.',
    edits: [
      {
        file: 'src/node/authority-client.ts',
        find: 'return { answer: unwrap(answer), sentAt }',
        replace: 'return { answer: unwrap(answer), sentAt: this.init.clock.now() }',
      },
    ],
    scenarios: ['authority', 'partitions'],
  },
  {
    name: 'granted-while-held',
    why: 'A key that is held is granted to the next one.',
    edits: [
      {
        file: 'src/authority/lease-commands.ts',
        find: '  if (current !== undefined) {\n    return refused(',
        replace: '  if (current !== undefined && current.holder === holder) {\n    return refused(',
      },
    ],
    scenarios: ['authority'],
  },
  {
    name: 'lease-id-reused',
    why: 'Lease ids are counted, and the count begins anew: an old token is as good as a new one.',
    edits: [
      {
        file: 'src/authority/lease-commands.ts',
        find: 'leaseId: context.index as number as LeaseId,',
        replace: 'leaseId: (tables.leases.size + 1) as LeaseId,',
      },
    ],
    scenarios: ['authority'],
  },
  {
    name: 'retry-executed-again',
    why: 'The answer to a request that is repeated is not remembered: the request is executed again.',
    edits: [
      {
        file: 'src/authority/sessions.ts',
        find: 'if (remembered !== undefined) return remembered.answer',
        replace: 'if (remembered === undefined && sequence < 0) return undefined',
      },
    ],
    scenarios: ['authority', 'partitions'],
  },
  {
    name: 'snapshot-forgets-answers',
    why: 'A snapshot holds the leases and not the answers: a retry at who installed it is executed again.',
    edits: [
      {
        file: 'src/authority/snapshot.ts',
        find: 'return encode([SNAPSHOT_VERSION, tables.records()])',
        replace:
          "return encode([SNAPSHOT_VERSION, tables.records().filter(([key]) => !key.startsWith('answers/'))])",
      },
    ],
    scenarios: ['partitions', 'authority'],
  },
  {
    name: 'answer-of-another-entry',
    why: 'A leader that was replaced answers with what another leader put where its own entry had been.',
    edits: [
      {
        file: 'src/node/authority-driver.ts',
        find: 'if (pending.term === entry.term) pending.resolve(answer)',
        replace: 'if (pending.term <= entry.term) pending.resolve(answer)',
      },
      {
        file: 'src/node/authority-driver.ts',
        find: "    if (role !== 'leader') this.dropPending()\n",
        replace: '',
      },
    ],
    scenarios: ['partitions', 'authority'],
  },
]
