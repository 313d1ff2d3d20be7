/**
 * An interpreter for the scripts in `test/testdata/raft`: commands, `----`, and the whole output they give. The
 * network is a queue in which a message stays until a command delivers or loses it, so a script decides every
 * order.
 *
 * Servers
 *   option electionTicks=4          before `start` and `join`; any of `RaftOptions`, such as commitNews=each-tick
 *   start n1                        a new group of one, as `populi init` writes it
 *   start n1 n2 n3                  a group of three with the same first entry
 *   start n1 n2 log=1,1,2 of=n1,n2,n3 learners=n4 term=3 vote=n2 commit=2
 *                                   these, with commands of terms 1, 1, 2 at index 2, 3, 4
 *   join n4                         an empty store
 *   rebuild n1 term=3 votesFrom=7   (new or not) with a store that was rebuilt after a loss
 *   crash n1 / restart n1           what was written stays, a write under way is lost
 *
 * Time and work
 *   tick n1 5                       five ticks
 *   campaign n1                     ticks until it asks for (pre-)votes
 *   ready n1                        takes Readys, sends, applies and writes until nothing is left to do
 *   take n1                         takes one Ready, sends and applies; a write in it stays under way (asynchronous storage)
 *   finish n1                       the write under way is durable
 *   slow-apply n1                   from now on what is handed out stays with the state machine …
 *   applied n1                      … until it is applied
 *   stabilize [n1 n2]               ready, provide and deliver among these until nothing moves
 *
 * Network
 *   deliver [to=n1] [from=n2] [type=vote-response] [count=1]     in the order of sending
 *   lose …, repeat …                as `deliver`: drops; puts a copy at the end of the queue
 *   isolate n1 / heal               what is delivered to or from n1 is lost
 *   lose-contact n1 n2              n1 is told that its connection to n2 closed (for both ends: twice)
 *   inject n2 > n1 append-request term=5 prev=3/2 commit=1 entries=4/5,5/5
 *   inject n2 > n1 install-snapshot term=5 snapshot=7/3 voters=n1,n2 learners=n3
 *                                   any message, its fields as they are printed
 *
 * Requests
 *   propose n1 text…, propose-bytes n1 1000 [3]
 *   change n1 voters=n1,n2 learners=n3 leave=explicit            the wanted configuration as a whole, or
 *   change n1 add=n2,n3 remove=n1 learn=n4                       from the present one: new voters, none, learners
 *   leave n1                        ends an explicit joint configuration
 *   transfer n1 n2                  n1 hands leadership over to n2
 *   read n1                         asks for a read index
 *   provide n1 n3                   n1 has a snapshot for n3, of all that it has applied
 *   fail n1 n3                      the snapshot for n3 could not be delivered
 * Logs are cut by themselves: see the options `compactEntriesMax` and `compactBytesMax`.
 *
 * Looking
 *   status [n1 n2], progress n1, log n1, queue
 *   quiet COMMAND                   without its output
 */
import { present } from '../../../src/base/index.ts'
import {
  type Entry,
  type ProposeResult,
  RAFT_DEFAULTS,
  type RaftMessage,
  type RaftOptions,
  type ReadResult,
  type SavedLog,
  type TransferResult,
  type WantedConfiguration,
} from '../../../src/raft/index.ts'
import { EMPTY, Machine, rebuiltLog, savedGroup, savedLog } from './machine.ts'
import { nameOf, peer } from './names.ts'
import { type Arguments, parseArguments, parseList, parseMessage } from './parse.ts'
import { printBase, printConfiguration, printEntries, printMessage, printReady, printStep } from './print.ts'

export class Transcript {
  private readonly machines = new Map<string, Machine>()
  private readonly crashed = new Set<string>()
  private readonly isolated = new Set<string>()
  private queue: RaftMessage[] = []
  private options: RaftOptions = RAFT_DEFAULTS
  private output: string[] = []
  /** What state machines that are slow have not applied yet. */
  private readonly unapplied = new Map<Machine, readonly Entry[]>()

  /** Runs one block of commands and returns its output. */
  run(commands: readonly string[]): string {
    this.output = []
    for (const command of commands) this.execute(command)
    return this.output.length === 0 ? 'ok' : this.output.join('\n')
  }

  private execute(line: string): void {
    const [command = ''] = line.split(/\s/, 1)
    const rest = line.slice(command.length)
    if (command === 'quiet') {
      const before = this.output
      this.output = []
      this.execute(rest.trim())
      this.output = before
      return
    }
    const handler = this.handlers[command]
    if (handler === undefined) throw new Error(`no command "${command}"`)
    handler(parseArguments(rest))
  }

  private readonly handlers: Readonly<Record<string, (args: Arguments) => void>> = {
    option: ({ options }) => {
      for (const [key, value] of options)
        this.options = { ...this.options, [key]: /^\d+$/.test(value) ? Number(value) : value }
    },
    start: (args) => this.start(args),
    join: ({ words }) => {
      for (const name of words) this.add(name, EMPTY)
    },
    rebuild: (args) => this.rebuild(args),
    tick: ({ words }) => {
      for (let count = Number(words[1] ?? 1); count > 0; count--) this.machine(words[0]).core.tick()
    },
    campaign: ({ words }) => this.campaign(this.machine(words[0])),
    ready: ({ words }) => {
      for (const name of words) this.ready(this.machine(name))
    },
    take: ({ words }) => this.take(this.machine(words[0])),
    finish: ({ words }) => this.machine(words[0]).finish(),
    'slow-apply': ({ words }) => this.unapplied.set(this.machine(words[0]), []),
    applied: ({ words }) => this.applied(this.machine(words[0])),
    deliver: (args) => {
      for (const message of this.pick(args)) this.deliver(message)
    },
    lose: (args) => {
      for (const message of this.pick(args)) this.print(`lost ${printMessage(message)}`)
    },
    repeat: (args) => {
      const picked = this.pick(args)
      this.queue = [...picked, ...this.queue, ...picked]
    },
    stabilize: ({ words }) => this.stabilize(words),
    isolate: ({ words }) => {
      for (const name of words) this.isolated.add(name)
    },
    heal: () => this.isolated.clear(),
    'lose-contact': ({ words }) => this.machine(words[0]).core.loseContact(peer(words[1] ?? '')),
    crash: ({ words }) => {
      for (const name of words) this.crashed.add(name)
    },
    restart: ({ words }) => {
      for (const name of words) {
        this.crashed.delete(name)
        this.machine(name).restart()
        this.unapplied.delete(this.machine(name))
      }
    },
    propose: ({ words: [name, ...words] }) => {
      for (const text of words)
        this.printProposal(this.machine(name).core.propose(new TextEncoder().encode(text)))
    },
    'propose-bytes': ({ words: [name, bytes, count] }) => {
      for (let left = Number(count ?? 1); left > 0; left--)
        this.printProposal(this.machine(name).core.propose(new Uint8Array(Number(bytes))))
    },
    change: (args) => this.change(args),
    leave: ({ words }) => this.printProposal(this.machine(words[0]).core.leaveJoint()),
    transfer: ({ words }) =>
      this.printProposal(this.machine(words[0]).core.transferLeadership(peer(words[1] ?? ''))),
    read: ({ words }) => this.printProposal(this.machine(words[0]).core.readIndex()),
    provide: ({ words }) => this.machine(words[0]).provide(peer(words[1] ?? '')),
    fail: ({ words }) => this.machine(words[0]).core.snapshotFailed(peer(words[1] ?? '')),
    inject: (args) => this.deliver(parseMessage(args)),
    status: ({ words }) => {
      for (const name of words.length > 0 ? words : this.machines.keys()) this.status(this.machine(name))
    },
    progress: ({ words }) => this.progress(this.machine(words[0])),
    log: ({ words }) => {
      for (const name of words) this.printLog(name, this.machine(name).disk.load())
    },
    queue: () => {
      for (const message of this.queue) this.print(printMessage(message))
    },
  }

  private start({ words, options }: Arguments): void {
    const learners = parseList(options.get('learners'))
    const voters = options.has('of')
      ? parseList(options.get('of'))
      : words.filter((name) => !learners.includes(name))
    const commit = Number(options.get('commit') ?? 1)
    const terms = parseList(options.get('log')).map(Number)
    const term = Number(options.get('term') ?? terms.at(-1) ?? 1)
    const saved = savedLog(savedGroup(voters, learners), terms, { term, vote: options.get('vote'), commit })
    for (const name of words) this.add(name, saved)
  }

  private rebuild({ words: [name = ''], options }: Arguments): void {
    const saved = rebuiltLog(Number(options.get('term') ?? 1), Number(options.get('votesFrom') ?? 0))
    const machine = this.machines.get(name)
    if (machine === undefined) this.add(name, saved)
    else machine.wipe(saved)
  }

  private add(name: string, saved: SavedLog): void {
    this.machines.set(name, new Machine({ name, options: this.options, saved, seed: Number(name.slice(1)) }))
  }

  private campaign(machine: Machine): void {
    for (let ticks = 0; ticks < 2 * this.options.electionTicks; ticks++) {
      machine.core.tick()
      const { role } = machine.core.status
      if ((role === 'pre-candidate' || role === 'candidate') && machine.core.hasReady()) return
    }
    this.print(`${machine.name} does not campaign`)
  }

  private take(machine: Machine): void {
    if (!machine.core.hasReady()) {
      this.print(`${machine.name} has nothing to do`)
      return
    }
    const ready = machine.take()
    this.queue.push(...ready.messages)
    for (const line of printReady(ready)) this.print(`${machine.name}: ${line}`)
    if (ready.committedEntries.length === 0) return
    if (this.unapplied.has(machine)) this.unapplied.set(machine, ready.committedEntries)
    else machine.apply(ready.committedEntries)
  }

  private ready(machine: Machine): void {
    do {
      this.take(machine)
      if (machine.held !== undefined) machine.finish()
    } while (machine.core.hasReady())
  }

  private applied(machine: Machine): void {
    machine.apply(this.unapplied.get(machine) ?? [])
    this.unapplied.set(machine, [])
  }

  private change({ words, options }: Arguments): void {
    const { core } = this.machine(words[0])
    const { voters, learners } = core.status.configuration
    const peers = (key: string): WantedConfiguration['voters'] => parseList(options.get(key)).map(peer)
    const gone = [...peers('remove'), ...peers('learn')]
    const stays = (id: WantedConfiguration['voters'][number]): boolean => !gone.includes(id)
    const wanted = {
      voters: options.has('voters')
        ? peers('voters')
        : [...voters.filter(stays), ...peers('add').filter((id) => !voters.includes(id))],
      learners: options.has('learners')
        ? peers('learners')
        : [...learners.filter((id) => stays(id) && !peers('add').includes(id)), ...peers('learn')],
    }
    const leave = options.get('leave') === 'explicit' ? 'explicit' : 'auto'
    this.printProposal(core.proposeConfiguration({ ...wanted, leave }))
  }

  private stabilize(names: readonly string[]): void {
    const chosen = (name: string): boolean =>
      (names.length === 0 || names.includes(name)) && !this.crashed.has(name)
    for (let isMoving = true, passes = 0; isMoving; passes++) {
      if (passes > 1000) throw new Error('it does not become stable')
      isMoving = false
      for (const machine of this.machines.values()) {
        if (!chosen(machine.name)) continue
        for (const id of machine.wanted) machine.provide(id)
        if (!machine.core.hasReady() && machine.held === undefined) continue
        isMoving = true
        if (machine.held !== undefined) machine.finish()
        if (machine.core.hasReady()) this.ready(machine)
      }
      const now = this.queue.filter((message) => names.length === 0 || chosen(nameOf(message.to)))
      this.queue = this.queue.filter((message) => !now.includes(message))
      for (const message of now) this.deliver(message)
      isMoving ||= now.length > 0
    }
  }

  private deliver(message: RaftMessage): void {
    const [from, to] = [nameOf(message.from), nameOf(message.to)]
    const machine = this.machines.get(to)
    if (machine === undefined || this.crashed.has(to) || this.isolated.has(to) || this.isolated.has(from)) {
      this.print(`lost ${printMessage(message)}`)
      return
    }
    const result = machine.core.step(message)
    this.print(
      result.outcome === 'handled'
        ? printMessage(message)
        : `${printMessage(message)} — ${printStep(result)}`,
    )
  }

  /** Takes the chosen messages out of the queue. */
  private pick({ options }: Arguments): readonly RaftMessage[] {
    let left = Number(options.get('count') ?? Number.POSITIVE_INFINITY)
    const fits = (key: string, value: string): boolean => !options.has(key) || options.get(key) === value
    const picked = this.queue.filter(
      (message) =>
        fits('to', nameOf(message.to)) &&
        fits('from', nameOf(message.from)) &&
        fits('type', message.type) &&
        left-- > 0,
    )
    this.queue = this.queue.filter((message) => !picked.includes(message))
    return picked
  }

  private printProposal(result: ProposeResult | TransferResult | ReadResult): void {
    if (result.accepted) {
      if ('index' in result) this.print(`accepted at ${result.index}/${result.term}`)
      else this.print('id' in result ? `accepted as read ${result.id}` : 'accepted')
    } else if (result.reason === 'not-leader')
      this.print(`refused: not-leader, leader ${nameOf(result.leader)}`)
    else this.print(`refused: ${result.reason}`)
  }

  private status(machine: Machine): void {
    const { role, term, leader, commitIndex, lastIndex, configuration, appliedInTerm } = machine.core.status
    this.print(
      `${machine.name} ${role} term=${term} leader=${nameOf(leader)} commit=${commitIndex} last=${lastIndex} ` +
        `voters=${printConfiguration(configuration)}${appliedInTerm ? '' : ' nothing applied of this term'}`,
    )
  }

  private printLog(name: string, { base, entries }: SavedLog): void {
    const cut = base.index === 0 ? '' : `from ${printBase(base)}: `
    this.print(`${name} ${cut}${printEntries(entries)}`)
  }

  private progress(machine: Machine): void {
    for (const [id, progress] of machine.core.status.progress)
      this.print(
        `${nameOf(id)} ${progress.mode} match=${progress.matchIndex} next=${progress.nextIndex} ` +
          `inflight=${progress.inflight} ${progress.active ? 'active' : 'silent'}`,
      )
  }

  private machine(name: string | undefined): Machine {
    return present(this.machines.get(name ?? ''), `server ${name}`)
  }

  private print(line: string): void {
    this.output.push(line)
  }
}
