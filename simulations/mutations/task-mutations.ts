/** Mistakes in the lives of tasks: what is said before it is on disk, executed without being allowed to, or forgotten too early. */
import type { Mutation } from './mutation.ts'

const ENDS: Readonly<Record<'submitter' | 'worker' | 'guardian', readonly Mutation[]>> = {
  submitter: [
    {
      name: 'said-before-its-journal-is-written',
      why: 'A submitter offers, and acknowledges results, while its record is still being written.',
      edits: [
        {
          file: 'src/node/submission.ts',
          find: 'if (this.isWriting) this.waiting.push(effect)',
          replace: "if (this.isWriting && effect.type !== 'send') this.waiting.push(effect)",
        },
      ],
      scenarios: ['tasks'],
    },
    {
      name: 'answered-before-its-journal-is-read',
      why: 'A node that was just started tells workers that it knows nothing of their tasks.',
      edits: [
        {
          file: 'src/node/task-link.ts',
          find: 'private isOpen = false',
          replace: 'private isOpen = true',
        },
      ],
      scenarios: ['tasks'],
    },
    {
      name: 'late-result-accepted',
      why: 'A submitter takes a result for its task under whatever lease, from whoever had it.',
      edits: [
        {
          file: 'src/task/submitted-task.ts',
          find: 'return wasOffered && attempt?.peer === from && attempt.leaseId === exec_lease_id',
          replace: 'return wasOffered && attempt !== undefined',
        },
      ],
      scenarios: ['tasks', 'authority'],
    },
    {
      name: 'result-changes-after-the-end',
      why: 'A result that comes again after the end is handled as the first one was.',
      edits: [
        {
          file: 'src/task/submitted-task.ts',
          find: 'if (this.book.isEnded) this.afterEnd(event)',
          replace: "if (this.book.isEnded && event.type !== 'message') this.afterEnd(event)",
        },
        {
          file: 'src/task/submitted-task.ts',
          find: 'return wasOffered && attempt?.peer === from && attempt.leaseId === exec_lease_id',
          replace: 'return attempt?.peer === from && attempt.leaseId === exec_lease_id',
        },
      ],
      scenarios: ['tasks'],
    },
    {
      name: 'home-without-waiting',
      why: 'An attached task runs at home as soon as the authority is away: its worker may still execute it.',
      edits: [
        {
          file: 'src/task/newest-attempt.ts',
          find: 'return this.spanEndsAt !== undefined && this.book.now.boot >= this.spanEndsAt',
          replace: 'return this.spanEndsAt !== undefined',
        },
      ],
      scenarios: ['tasks'],
    },
    {
      name: 'span-counts-from-the-offer',
      why: 'A submitter answers renewals of its lease, and waits as if it had never done so.',
      edits: [
        {
          file: 'src/task/newest-attempt.ts',
          find: '    this.beginSpan()\n    this.send(renewedMessage(message))',
          replace: '    this.send(renewedMessage(message))',
        },
      ],
      scenarios: ['tasks'],
    },
    {
      name: 'span-forgotten-at-restart',
      why: 'A submitter that was restarted takes the span that it gave for over.',
      edits: [
        {
          file: 'src/task/newest-attempt.ts',
          find: '    // Later than any answer of the life before.\n    this.beginSpan()',
          replace: '    this.spanEndsAt = bootMs(0)',
        },
      ],
      scenarios: ['tasks'],
    },
    {
      name: 'detached-at-home-without-a-lease',
      why: 'A detached task runs at home when the authority is away.',
      edits: [
        {
          file: 'src/task/submitted-task.ts',
          find: "    if (!attached) {\n      this.book.say('authority'",
          replace: "    if (!attached && fallback === 'none') {\n      this.book.say('authority'",
        },
      ],
      scenarios: ['tasks'],
    },
    {
      name: 'cancelled-before-it-is-quiet',
      why: 'A cancel is told as done when it was sent.',
      edits: [
        {
          file: 'src/task/submitted-task.ts',
          find: 'if (!this.attempt.mayExecute) return this.book.cancelled()\n    const { nodeId }',
          replace: 'if (this.attempt.value !== undefined) return this.book.cancelled()\n    const { nodeId }',
        },
      ],
      scenarios: ['tasks'],
    },
    {
      name: 'output-acknowledged-before-it-is-kept',
      why: 'Output is acknowledged when its reader has it; the log may still lose it.',
      edits: [
        {
          file: 'src/node/task-output.ts',
          find: 'Promise.all([this.acknowledgedSoFar, kept, read]).then(acknowledge)',
          replace: 'Promise.all([this.acknowledgedSoFar, read]).then(acknowledge)',
        },
      ],
      scenarios: ['tasks'],
    },
    {
      name: 'result-before-its-output-is-kept',
      why: 'A task has its final result while its output is on the way to the disk.',
      edits: [
        {
          file: 'src/node/submission.ts',
          find: '    if (isFinal(record.state)) await this.output.kept\n',
          replace: '',
        },
      ],
      scenarios: ['tasks'],
    },
    {
      name: 'output-repeated',
      why: 'What a worker repeats after a reconnect is taken for news.',
      edits: [
        {
          file: 'src/task/received-output.ts',
          find: 'chunk: chunk.subarray(known) }',
          replace: 'chunk: chunk.subarray(known - known) }',
        },
      ],
      scenarios: ['tasks'],
    },
    {
      name: 'output-position-from-the-journal',
      why: 'A submitter that was restarted believes its journal about how much output it has.',
      edits: [
        {
          file: 'src/task/received-output.ts',
          find: 'return { ...attempt, outputBase, outputBytes: outputEnd - outputBase }',
          replace: 'return { ...attempt, outputBase }',
        },
      ],
      scenarios: ['tasks'],
    },
  ],
  worker: [
    {
      name: 'reported-before-its-journal-is-written',
      why: 'A worker accepts, and reports results, that its disk does not have yet.',
      edits: [
        {
          file: 'src/node/worker-attempt.ts',
          find: "if (effect.type === 'journal') await this.context.journal.write(this.key, this.encoded())",
          replace: "if (effect.type === 'journal') void this.context.journal.write(this.key, this.encoded())",
        },
      ],
      scenarios: ['tasks'],
    },
    {
      name: 'started-before-the-lease-is-confirmed',
      why: 'A worker starts what its submitter still wants, and asks the authority meanwhile.',
      edits: [
        {
          file: 'src/task/offered-task.ts',
          find: "if (state !== 'confirming' || this.leaseSentAt === undefined) return",
          replace: "if (state !== 'confirming') return",
        },
      ],
      scenarios: ['tasks'],
    },
    {
      name: 'started-without-its-submitter',
      why: 'A worker starts an attached task with the lease of the authority alone.',
      edits: [
        {
          file: 'src/task/offered-task.ts',
          find: '    if (attachedTtlMs !== undefined && this.submitterSentAt === undefined) return\n',
          replace: '',
        },
      ],
      scenarios: ['tasks'],
    },
    {
      name: 'submitters-lease-not-kept',
      why: 'The lease of the submitter runs out, and the work goes on under that of the authority.',
      edits: [
        {
          file: 'src/node/attempt-leases.ts',
          find: 'const [one, other] = [this.authority?.plan, this.submitter?.plan]',
          replace: 'const [one, other] = [this.authority?.plan, undefined]',
        },
        {
          file: 'src/node/attempt-leases.ts',
          find: "    if (bySubmitter === 'lost') return this.lost('submitter-lost')\n",
          replace: '',
        },
      ],
      scenarios: ['tasks'],
    },
    {
      name: 'released-before-it-is-quiet',
      why: 'A worker gives its lease back when it has told the command to end.',
      edits: [
        {
          file: 'src/task/offered-task.ts',
          find: "        this.effects.push({ type: 'end-execution' })\n",
          replace:
            "        this.effects.push({ type: 'end-execution' })\n        if (this.current.leaseId !== undefined) this.effects.push({ type: 'release-lease', leaseId: this.current.leaseId })\n",
        },
      ],
      scenarios: ['tasks'],
    },
    {
      name: 'cancel-reported-before-it-is-quiet',
      why: 'A worker reports what it was told to end as ended.',
      edits: [
        {
          file: 'src/task/offered-task.ts',
          find: "        this.effects.push({ type: 'end-execution' })\n",
          replace:
            "        this.effects.push({ type: 'end-execution' })\n        if (cause === 'cancelled') return this.conclude({ ...STOPS[cause], quiet: true, outputBytes: 0 })\n",
        },
      ],
      scenarios: ['tasks'],
    },
    {
      name: 'result-said-once',
      why: 'A worker forgets a result when it has sent it.',
      edits: [
        {
          file: 'src/task/offered-task.ts',
          find: "this.effects.push({ type: 'report', message })",
          replace: "this.effects.push({ type: 'report', message }, { type: 'forget' })",
        },
      ],
      scenarios: ['tasks'],
    },
    {
      name: 'offer-begun-again',
      why: 'A worker forgets what it has finished, and its lease: a late repetition of the offer starts it once more.',
      edits: [
        {
          file: 'src/node/worker-attempt.ts',
          find: "{ type: 'lease.release', leaseId }",
          replace: "{ type: 'lease.renew', leaseId }",
        },
        {
          file: 'src/node/finished-offers.ts',
          find: '    this.keys.set(key, finished)\n',
          replace: '    if (this.keys.size > 0) this.keys.set(key, finished)\n',
        },
      ],
      scenarios: ['tasks'],
    },
    {
      name: 'offered-anew-under-another-key',
      why: 'An offer that is repeated has a key of its own, and a worker looks at nothing but the key.',
      edits: [
        {
          file: 'src/task/submitter-messages.ts',
          find: '    idempotency_key: task.idempotencyKey,\n    exec_lease_id: attempt.leaseId,',
          replace:
            "    idempotency_key: task.idempotencyKey + (task.runs.length || ''),\n    exec_lease_id: attempt.leaseId,",
        },
        {
          file: 'src/node/worker.ts',
          find: "    if (leaseId !== undefined && this.book.underLease(leaseId) !== undefined) return 'lease_expired'\n",
          replace: '',
        },
      ],
      scenarios: ['tasks'],
    },
  ],
  // Its stand-in in the simulation: the guardian itself is drilled with real processes (`npm run drill`).
  guardian: [
    {
      name: 'guardian-ignores-its-pipe',
      why: 'A guardian lets commands run on when its node is gone, and the next node does not wait for them.',
      edits: [
        {
          file: 'simulations/world/virtual-guardian.ts',
          find: "for (const guarded of this.running) this.kill(guarded, 'guardian-lost')",
          replace: 'this.init.random.float()',
        },
        {
          file: 'simulations/world/machine.ts',
          find: 'if (this.lastGuardian?.isQuiet === false) {',
          replace: 'if (this.lastGuardian?.isQuiet === false && this.isInRepair) {',
        },
      ],
      scenarios: ['tasks'],
    },
    {
      name: 'guardian-ignores-its-deadline',
      why: 'A guardian waits for its node to say that a lease is over; the node may stand still.',
      edits: [
        {
          file: 'simulations/world/virtual-guardian.ts',
          find: "      if (now >= guarded.deadline.killAt) this.kill(guarded, 'deadline')\n      else if (now >= guarded.deadline.termAt) this.term(guarded, 'deadline')\n      else if",
          replace: '      if',
        },
      ],
      scenarios: ['tasks', 'clocks'],
    },
  ],
}

export const TASK_MUTATIONS: readonly Mutation[] = [...ENDS.submitter, ...ENDS.worker, ...ENDS.guardian]
