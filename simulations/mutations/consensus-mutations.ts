/** Mistakes in consensus: votes, logs, commits, configurations. */
import type { Mutation } from './mutation.ts'

export const CONSENSUS_MUTATIONS: readonly Mutation[] = [
  {
    name: 'vote-not-written',
    why: 'A vote for somebody else is not worth a write: after a crash the node votes again in the same term.',
    edits: [
      {
        file: 'src/raft/writes.ts',
        find: 'return this.state.term !== this.written.term || this.state.vote !== this.written.vote',
        replace: 'return this.state.term !== this.written.term',
      },
      {
        file: 'src/raft/state.ts',
        find: 'const hardState = { term, vote, commitIndex: this.log.commitIndex }',
        replace:
          'const hardState = { term, vote: vote === this.self ? vote : undefined, commitIndex: this.log.commitIndex }',
      },
    ],
    scenarios: ['authority'],
  },
  {
    name: 'vote-before-fsync',
    why: 'The vote leaves while it is being written.',
    edits: [
      {
        file: 'src/raft/election.ts',
        find: "state.messagesAfterPersist.push({\n    type: 'vote-response',",
        replace: "state.messages.push({\n    type: 'vote-response',",
      },
    ],
    scenarios: ['authority'],
  },
  {
    name: 'two-votes-in-a-term',
    why: 'A vote that was given does not bind.',
    edits: [
      {
        file: 'src/raft/election.ts',
        find: '(isFree || state.vote === request.from) &&',
        replace: '(isFree || state.vote !== state.self) &&',
      },
    ],
    scenarios: ['authority', 'partitions'],
  },
  {
    name: 'vote-for-an-older-log',
    why: 'The log of a candidate is not compared (§5.4.1): it wins without entries that are committed.',
    edits: [
      {
        file: 'src/raft/log.ts',
        find: 'return lastTerm > this.lastTerm || (lastTerm === this.lastTerm && lastIndex >= this.lastIndex)',
        replace: 'return lastTerm >= 0 && lastIndex >= 0',
      },
    ],
    scenarios: ['authority', 'partitions'],
  },
  {
    name: 'no-pre-vote',
    why: 'A node that hears nobody campaigns at once: cut off, its term runs away, and its return deposes a leader.',
    edits: [
      {
        file: 'src/raft/election.ts',
        find: "state.role = { role: 'pre-candidate', ballot }",
        replace: 'return startElection(state, false)',
      },
    ],
    scenarios: ['authority', 'partitions'],
  },
  {
    name: 'old-term-committed-by-counting',
    why: 'A leader commits entries of earlier terms as soon as a majority has them (figure 8).',
    edits: [
      {
        file: 'src/raft/leading.ts',
        find: 'if (quorum <= log.commitIndex || log.termAt(quorum) !== state.term) return',
        replace: 'if (quorum <= log.commitIndex) return',
      },
    ],
    scenarios: ['authority', 'partitions'],
  },
  {
    name: 'leader-counts-itself-before-its-disk',
    why: 'The leader takes its own log for durable when it has appended to it.',
    edits: [
      {
        file: 'src/raft/leading.ts',
        find: 'peer === state.self ? log.persistedIndex : leadership.matchOf(peer),',
        replace: 'peer === state.self ? log.lastIndex : leadership.matchOf(peer),',
      },
    ],
    scenarios: ['authority'],
  },
  {
    name: 'follower-acknowledges-before-fsync',
    why: 'A follower acknowledges entries while they are being written.',
    edits: [
      {
        file: 'src/raft/following.ts',
        find: 'const { messagesAfterPersist: waiting, self, term } = state',
        replace: 'const { messages: waiting, self, term } = state',
      },
    ],
    scenarios: ['authority'],
  },
  {
    name: 'replaced-write-counts',
    why: 'A write that was under way when its entries were replaced counts for what replaced them (the ABA case).',
    edits: [
      {
        file: 'src/raft/log.ts',
        find: '    this.writing = Math.min(this.writing, keep)\n',
        replace: '    this.writing = Math.max(this.writing, this.lastIndex)\n',
      },
    ],
    scenarios: ['authority', 'partitions'],
  },
  {
    name: 'follower-commits-beyond-the-leader',
    why: 'A follower takes its whole log for committed as far as the leader has committed, checked or not.',
    edits: [
      {
        file: 'src/raft/following.ts',
        find: 'state.learnCommit(logIndex(Math.min(request.commitIndex, lastNew)))',
        replace: 'state.learnCommit(log.lastIndex)',
      },
    ],
    scenarios: ['authority'],
  },
  {
    name: 'conflicting-suffix-kept',
    why: 'A follower keeps its own entries where those of the leader differ.',
    edits: [
      {
        file: 'src/raft/log.ts',
        find: 'const at = entries.findIndex((entry) => this.termAt(entry.index) !== entry.term)',
        replace: 'const at = entries.findIndex((entry) => this.termAt(entry.index) === undefined)',
      },
    ],
    scenarios: ['authority', 'partitions'],
  },
  {
    name: 'joint-commit-by-one-majority',
    why: 'Between two configurations, the new voters alone commit.',
    edits: [
      {
        file: 'src/raft/quorum.ts',
        find: 'for (const voters of halves(configuration)) {',
        replace: 'for (const voters of [configuration.voters]) {',
      },
    ],
    scenarios: ['membership-changes', 'authority'],
  },
  {
    name: 'joint-election-by-one-majority',
    why: 'Between two configurations, a majority of either elects.',
    edits: [
      {
        file: 'src/raft/quorum.ts',
        find: 'return halves(configuration).every(',
        replace: 'return halves(configuration).some(',
      },
    ],
    scenarios: ['membership-changes', 'authority'],
  },
  {
    name: 'joint-left-too-early',
    why: 'The new configuration is appended before the joint one is committed.',
    edits: [
      {
        file: 'src/raft/leading.ts',
        find: "if (state.configuration.leave === 'auto' && quorum >= leadership.configurationBarrier)",
        replace: "if (state.configuration.leave === 'auto')",
      },
    ],
    scenarios: ['membership-changes', 'authority'],
  },
  {
    name: 'change-without-joint',
    why: 'Any set of voters follows any other in one step.',
    edits: [
      {
        file: 'src/raft/configuration.ts',
        find: "return { voters, votersOutgoing: current.voters, learners, leave: wanted.leave ?? 'auto' }",
        replace: "return { voters, votersOutgoing: [], learners, leave: wanted.leave ?? 'auto' }",
      },
    ],
    scenarios: ['authority', 'membership-changes'],
  },
  {
    name: 'learner-in-the-quorum',
    why: 'What a learner has counts as if it had a vote.',
    edits: [
      {
        file: 'src/raft/quorum.ts',
        find: 'const matches = voters.map(matchOf)',
        replace: 'const matches = [...voters, ...configuration.learners].map(matchOf)',
      },
    ],
    scenarios: ['membership-changes', 'authority'],
  },
  {
    name: 'read-before-own-term',
    why: 'A new leader answers reads at once, before it knows what was committed before it led (thesis §6.4).',
    edits: [
      {
        file: 'src/raft/reading.ts',
        find: 'if (!state.hasCommittedInTerm) return',
        replace: 'if (!state.hasCommittedInTerm && state.log.commitIndex === 0) return',
      },
      {
        file: 'src/raft/reading.ts',
        find: 'if (isSoleVoter(state.configuration, state.self)) {',
        replace: 'if (isSoleVoter(state.configuration, state.self) || !state.hasCommittedInTerm) {',
      },
      {
        file: 'src/node/authority-service.ts',
        find: 'if (!driver.governs) return encodeReply(redirect())\n    await init.readBarrier()',
        replace: 'await init.readBarrier()',
      },
    ],
    scenarios: ['partitions', 'disks', 'authority'],
  },
  {
    name: 'read-at-a-leader-that-is-alone',
    why: 'A leader that is cut off does not notice it, and answers reads without asking the group.',
    edits: [
      {
        file: 'src/raft/reading.ts',
        find: 'if (isSoleVoter(state.configuration, state.self)) {',
        replace: 'if (isSoleVoter(state.configuration, state.self) || state.hasCommittedInTerm) {',
      },
      {
        file: 'src/raft/leading.ts',
        find: 'if (!hasQuorum(state.configuration, isHeard)) {',
        replace: 'if (!hasQuorum(state.configuration, isHeard) && state.log.commitIndex === 0) {',
      },
    ],
    scenarios: ['partitions', 'authority'],
  },
  {
    name: 'log-kept-under-a-snapshot',
    why: 'A snapshot is installed, and the log that was there is not dropped first.',
    edits: [
      {
        file: 'src/raft/log.ts',
        find: '    this.entries.length = 0\n    this.appliedBytes = 0\n',
        replace: '    this.appliedBytes = 0\n',
      },
    ],
    scenarios: ['partitions', 'authority'],
  },
  {
    name: 'records-kept-under-a-snapshot',
    why: 'Records that a snapshot does not have stay in the store: leases that have ended are back after a restart.',
    edits: [
      {
        file: 'src/store/state-records.ts',
        find: 'for (const name of this.records.names) if (!records.has(name)) changes.push(',
        replace:
          "for (const name of this.records.names) if (name === '' && !records.has(name)) changes.push(",
      },
    ],
    scenarios: ['partitions', 'authority'],
  },
  {
    name: 'votes-after-losing-its-log',
    why: 'A node that lost its log takes part as if it were new, before the others have taken its vote away (ADR 0009).',
    edits: [
      {
        file: 'src/node/rejoin-group.ts',
        find: 'const { index, term } = await client.rejoin(REJOIN_DEADLINE_MS)',
        replace: 'const { index, term } = { index: logIndex(0), term: core.status.term }',
      },
    ],
    scenarios: ['disks', 'authority'],
  },
]
