/**
 * An interpreter for the scripts in `test/testdata/raft`: commands, `----`, and the whole output they give. The
 * network is a queue in which a message stays until a command delivers or loses it, so a script decides every
 * order.
 *
 *   start n1                        a new group of one, as `populi init` writes it
 *   start n1 n2 n3                  a group of three with the same first entry
 *   start n1 n2 log=1,1,2 of=n1,n2,n3 term=3 vote=n2 commit=2
 *                                   these, with commands of terms 1, 1, 2 at index 2, 3, 4
 *   join n4                         an empty store
 *   option electionTicks=4          before `start`
 *   tick n1 5                       five ticks
 *   campaign n1                     ticks until it asks for (pre-)votes
 *   ready n1                        takes a Ready, writes it and sends
 *   take n1 / finish n1             the same in two halves: what happens while the disk works
 *   deliver [to=n1] [from=n2] [type=vote-response] [count=1]     in the order of sending
 *   lose …, repeat …                as `deliver`: drops; puts a copy at the end of the queue
 *   stabilize [n1 n2]               ready and deliver among these until nothing moves
 *   isolate n1 / heal               what is delivered to or from n1 is lost
 *   crash n1 / restart n1
 *   propose n1 text…, propose-bytes n1 1000 [3]
 *   change n1 add=n2,n3 remove=n1
 *   inject n2 > n1 append-request term=5 prev=3/2 commit=1 entries=4/5,5/5
 *   status [n1 n2], progress n1, log n1, queue
 *   quiet COMMAND                   without its output
 */
import { present } from '../../../src/base/index.ts'
import {
  type ProposeResult,
  RAFT_DEFAULTS,
  type RaftMessage,
  type RaftOptions,
} from '../../../src/raft/index.ts'
import { Machine, nameOf, peer, savedGroup, savedLog } from './machine.ts'
import { type Arguments, parseArguments, parseMessage } from './parse.ts'
import { printConfiguration, printEntries, printMessage, printReady, printStep } from './print.ts'

const list = (text: string | undefined): readonly string[] =>
  text === undefined || text === '' ? [] : text.split(',')

export class Transcript {
  private readonly machines = new Map<string, Machine>()
  private readonly crashed = new Set<string>()
  private readonly isolated = new Set<string>()
  private queue: RaftMessage[] = []
  private options: RaftOptions = RAFT_DEFAULTS
  private output: string[] = []

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
      for (const [key, value] of options) this.options = { ...this.options, [key]: Number(value) }
    },
    start: (args) => this.start(args),
    join: ({ words }) => {
      for (const name of words) this.add(name, { hardState: undefined, entries: [] })
    },
    tick: ({ words }) => {
      for (let count = Number(words[1] ?? 1); count > 0; count--) this.machine(words[0]).core.tick()
    },
    campaign: ({ words }) => this.campaign(this.machine(words[0])),
    ready: ({ words }) => {
      for (const name of words) this.ready(this.machine(name))
    },
    take: ({ words }) => this.take(this.machine(words[0])),
    finish: ({ words }) => this.queue.push(...this.machine(words[0]).finish()),
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
    crash: ({ words }) => {
      for (const name of words) this.crashed.add(name)
    },
    restart: ({ words }) => {
      for (const name of words) {
        this.crashed.delete(name)
        this.machine(name).restart()
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
    change: ({ words, options }) => {
      const addVoters = list(options.get('add')).map(peer)
      const removeVoters = list(options.get('remove')).map(peer)
      this.printProposal(this.machine(words[0]).core.proposeConfiguration({ addVoters, removeVoters }))
    },
    inject: (args) => this.deliver(parseMessage(args)),
    status: ({ words }) => {
      for (const name of words.length > 0 ? words : this.machines.keys()) this.status(this.machine(name))
    },
    progress: ({ words }) => this.progress(this.machine(words[0])),
    log: ({ words }) => {
      for (const name of words) this.print(`${name} ${printEntries(this.machine(name).disk.load().entries)}`)
    },
    queue: () => {
      for (const message of this.queue) this.print(printMessage(message))
    },
  }

  private start({ words, options }: Arguments): void {
    const voters = options.has('of') ? list(options.get('of')) : words
    const commit = Number(options.get('commit') ?? 1)
    const terms = list(options.get('log')).map(Number)
    const lastTerm = Number(options.get('term') ?? terms.at(-1) ?? 1)
    const vote = options.get('vote')
    for (const name of words) {
      this.add(
        name,
        terms.length === 0 && !options.has('term')
          ? savedGroup(voters)
          : savedLog(voters, terms, { term: lastTerm, vote, commit }),
      )
    }
  }

  private add(name: string, saved: ReturnType<typeof savedGroup>): void {
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
    machine.applied.push(...ready.committedEntries)
    this.queue.push(...ready.messages)
    for (const line of printReady(ready)) this.print(`${machine.name}: ${line}`)
  }

  private ready(machine: Machine): void {
    this.take(machine)
    if (machine.held !== undefined) this.queue.push(...machine.finish())
  }

  private stabilize(names: readonly string[]): void {
    const chosen = (name: string): boolean =>
      (names.length === 0 || names.includes(name)) && !this.crashed.has(name)
    for (let isMoving = true, passes = 0; isMoving; passes++) {
      if (passes > 1000) throw new Error('it does not become stable')
      isMoving = false
      for (const machine of this.machines.values()) {
        if (!chosen(machine.name) || !machine.core.hasReady()) continue
        isMoving = true
        this.ready(machine)
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

  private printProposal(result: ProposeResult): void {
    if (result.accepted) this.print(`accepted at ${result.index}/${result.term}`)
    else if (result.reason === 'not-leader')
      this.print(`refused: not-leader, leader ${nameOf(result.leader)}`)
    else this.print(`refused: ${result.reason}`)
  }

  private status(machine: Machine): void {
    const { role, term, leader, commitIndex, lastIndex, configuration, committedInTerm } = machine.core.status
    this.print(
      `${machine.name} ${role} term=${term} leader=${nameOf(leader)} commit=${commitIndex} last=${lastIndex} ` +
        `voters=${printConfiguration(configuration)}${committedInTerm ? '' : ' nothing committed in this term'}`,
    )
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
