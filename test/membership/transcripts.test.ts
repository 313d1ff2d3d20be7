/**
 * Stories of one node, with everything that comes out, in `test/testdata/membership`. A line that starts with `> ` is a
 * command, what follows is what came out and at which millisecond. After a change: `npx vitest run test/membership -u`, and review the diff.
 * The mesh: self, attic, desk, loft, nas; preset `lan`. Incarnations are written life.refutations.
 *
 *     run MS, away MS                      time passes, with the core called when it is due, or without a call
 *     well NODE…                           connects them; from now on each answers every ping and refutes what it hears of (not shown)
 *     silent NODE                          …and no longer
 *     reached NODE heard|unheard           it answers the others, who tell this node whether it had heard this node's ping
 *     open NODE, close NODE, drop NODE     the connection: opened, ended by the other side, ended by this one
 *     ping NODE [accused I]                NODE pings this node
 *     ping NODE for OTHER NUMBER           …on behalf of OTHER, whose own ping has that number
 *     request NODE OTHER NUMBER [accused I]   NODE asks this node to probe OTHER within 800 ms
 *     ack NODE I                           NODE answers the last ping to it
 *     beat NODE I SEQUENCE [+VERSION]      a heartbeat of NODE; `+VERSION`: with that version of its record
 *     suspect BY NODE I [closed]           gossip of BY
 *     dead BY NODE I, leave NODE I         gossip
 *     rows BY NODE:STATUS:I…               rows of BY's table
 *     record, leave                        this node's record changes; this node leaves
 *     members                              prints the table
 */
import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { expect, test } from 'vitest'
import { type Incarnation, type PeerId, present } from '../../src/base/index.ts'
import { firstIncarnation, lifeOf } from '../../src/membership/incarnation.ts'
import type { GossipMessage, MembershipEffect, StreamMessage } from '../../src/membership/index.ts'
import {
  at,
  Driven,
  dead,
  heartbeat,
  leave,
  ROSTER,
  record,
  SELF,
  STRANGER,
  signed,
  suspect,
} from './support.ts'

const FOLDER = join(import.meta.dirname, '../testdata/membership')

for (const file of readdirSync(FOLDER))
  test(`transcript: ${basename(file, '.txt').replaceAll('-', ' ')}`, async () => {
    const path = join(FOLDER, file)
    await expect(new Story().replay(readFileSync(path, 'utf8'))).toMatchFileSnapshot(path)
  })

class Story {
  private readonly node = Story.begun()
  private readonly well = new Set<PeerId>()
  private readonly lastPing = new Map<PeerId, number>()
  private spokeAs: Incarnation | undefined
  private lastNumber = 0

  private static begun(): Driven {
    const node = new Driven()
    node.taken()
    return node
  }

  /** The script with what it gives now. Comments (`#`) and empty lines stay. */
  replay(script: string): string {
    const printed: string[] = []
    for (const line of script.split('\n')) {
      if (line === '' || line.startsWith('#')) printed.push(line)
      if (!line.startsWith('> ')) continue
      printed.push(line, ...this.command(line.slice(2).split(' ')))
    }
    return printed.join('\n')
  }

  private command([verb = '', ...words]: string[]): string[] {
    const table = verb === 'members' ? this.table() : []
    if (verb !== 'members') this.act(verb, words)
    const effects = this.node.takenWithTimes()
    for (const { effect } of effects) this.remember(effect)
    const lines = effects.flatMap(({ atMs, effect }) =>
      this.isNoise(effect) ? [] : [`  ${atMs.toFixed(0)} ${shown(effect)}`],
    )
    return [...lines, ...table]
  }

  private act(verb: string, words: string[]): void {
    const { node } = this
    const [first = '', second = '', third = '', fourth] = words
    switch (verb) {
      case 'run':
        return node.run(Number(first))
      case 'away':
        return node.beAway(Number(first))
      case 'well':
        for (const name of words) this.well.add(peerOf(name))
        return node.connectWell(...words.map(peerOf))
      case 'silent':
        this.well.delete(peerOf(first))
        return node.silence(peerOf(first))
      case 'reached':
        return node.reach(peerOf(first), second === 'heard')
      case 'open':
        return node.step({ type: 'connection_opened', peer: peerOf(first) })
      case 'close':
      case 'drop':
        return node.step({ type: 'connection_closed', peer: peerOf(first), byPeer: verb === 'close' })
      case 'beat': {
        const version = fourth === undefined ? undefined : Number(fourth.slice(1))
        const carried =
          version === undefined
            ? {}
            : { record: signed(peerOf(first), first, { version, life: lifeOf(read(second)) }) }
        return node.hear(
          peerOf(first),
          heartbeat({ incarnation: read(second), sequence: Number(third), ...carried }),
        )
      }
      case 'suspect':
        return node.hear(
          peerOf(first),
          suspect(peerOf(second), read(third), fourth === 'closed' ? 'closed' : 'silence'),
        )
      case 'dead':
        return node.hear(peerOf(first), dead(peerOf(second), read(third)))
      case 'leave':
        return first === '' ? node.step({ type: 'leave' }) : node.hear(peerOf(first), leave(read(second)))
      case 'record':
        return node.step({ type: 'record', record: record('self') })
      default:
        return node.tell(peerOf(first), this.message(verb, words))
    }
  }

  private message(verb: string, [by = '', second = '', third, ...more]: string[]): StreamMessage {
    switch (verb) {
      case 'ping':
        this.lastNumber += 1
        return {
          type: 'ping',
          number: this.lastNumber,
          incarnation: at(1),
          ...(second === 'accused' && third !== undefined ? { accused: read(third) } : {}),
          ...(second === 'for' && third !== undefined
            ? { onBehalfOf: { peer: peerOf(third), number: Number(more[0]) } }
            : {}),
        }
      case 'request':
        return {
          type: 'ping_req',
          number: Number(third),
          target: peerOf(second),
          patienceMs: 800,
          ...(more[1] === undefined ? {} : { accused: read(more[1]) }),
        }
      case 'ack':
        return {
          type: 'ack',
          number: present(this.lastPing.get(peerOf(by)), 'a ping'),
          incarnation: read(second),
        }
      case 'rows':
        return {
          type: 'rows',
          isAsking: false,
          buckets: [],
          rows: [second, third, ...more].flatMap((text) => (text === undefined ? [] : [rowOf(text)])),
        }
      default:
        throw new TypeError(`unknown command ${verb}`)
    }
  }

  private table(): string[] {
    const { node } = this
    return node.core.members().map(({ nodeId, status, incarnation, record, lastSeen, linkFault }) => {
      const age = lastSeen === undefined ? 'never' : `${(node.now - lastSeen).toFixed(0)} ms ago`
      const facts = record === undefined ? 'no record' : `record ${record.record_version ?? 'unsent'}`
      const fault = linkFault === undefined ? '' : `, link fault ${linkFault}`
      return `  ${nodeId}: ${status}, incarnation ${written(incarnation)}, ${facts}, seen ${age}${fault}`
    })
  }

  private remember(effect: MembershipEffect): void {
    if (effect.type === 'send' && effect.message.type === 'ping')
      this.lastPing.set(effect.peer, effect.message.number)
  }

  /** Plain pings of those who answer, heartbeats that say nothing new, comparisons of tables with nobody in particular. */
  private isNoise(effect: MembershipEffect): boolean {
    if (effect.type === 'publish' && effect.message.type === 'heartbeat') {
      const { incarnation, record, change } = effect.message
      const isOld = incarnation === this.spokeAs && record === undefined && change === undefined
      this.spokeAs = incarnation
      return isOld
    }
    if (effect.type !== 'send' || !this.well.has(effect.peer)) return false
    const { message } = effect
    if (message.type === 'ping') return message.onBehalfOf === undefined && message.accused === undefined
    return message.type === 'sync'
  }
}

function peerOf(name: string): PeerId {
  if (name === 'stranger') return STRANGER
  const [peer] = present(
    [...ROSTER].find(([, nodeId]) => nodeId === name),
    name,
  )
  return peer
}

const nameOf = (peer: PeerId): string => (peer === SELF ? 'self' : (ROSTER.get(peer) ?? 'stranger'))

function read(text: string): Incarnation {
  const [life = '1', refutations = '0'] = text.split('.')
  return at(Number(life), Number(refutations))
}

function written(incarnation: Incarnation): string {
  const life = lifeOf(incarnation)
  return `${life}.${incarnation - firstIncarnation(life)}`
}

function rowOf(text: string): (StreamMessage & { type: 'rows' })['rows'][number] {
  const [name = '', status, incarnation = ''] = text.split(':')
  const kind = (['alive', 'suspect', 'dead', 'left'] as const).find((one) => one === status)
  return { peer: peerOf(name), status: present(kind, text), incarnation: read(incarnation), recordVersion: 0 }
}

function shown(effect: MembershipEffect): string {
  switch (effect.type) {
    case 'changed': {
      const by = effect.by === undefined ? '' : ` by ${nameOf(effect.by)}`
      const change = `${effect.from ?? 'not in roster'} -> ${effect.to ?? 'not in roster'}`
      return `${effect.nodeId}: ${change} (${effect.cause}${by}, incarnation ${written(effect.incarnation)})`
    }
    case 'publish':
      return `publish ${shownGossip(effect.message)}`
    case 'send':
      return `to ${nameOf(effect.peer)}: ${shownMessage(effect.message)}`
    case 'neighbours':
      return `neighbours: ${effect.peers.map(nameOf).join(' ')}`
    case 'hang_up':
      return `hang up ${nameOf(effect.peer)}: ${effect.why}`
    case 'record':
      return `record ${effect.record.record_version} of ${nameOf(effect.peer)}`
    case 'life':
      return `take life ${effect.life}`
    case 'link_fault':
      return `link to ${nameOf(effect.peer)}: ${effect.fault ?? 'works'}`
    default:
      throw new TypeError('unknown effect')
  }
}

function shownGossip(message: GossipMessage): string {
  switch (message.type) {
    case 'heartbeat': {
      const carried = message.record === undefined ? '' : ` with record ${message.record.version}`
      return `heartbeat ${message.sequence} of ${written(message.incarnation)}${carried}`
    }
    case 'leave':
      return `leave of ${written(message.incarnation)}`
    case 'suspect':
      return `suspect ${message.members.map((one) => `${nameOf(one.peer)} ${written(one.incarnation)} ${one.evidence}`).join(', ')}`
    case 'dead':
      return `dead ${message.members.map((one) => `${nameOf(one.peer)} ${written(one.incarnation)}`).join(', ')}`
    default:
      throw new TypeError('unknown message')
  }
}

function shownMessage(message: StreamMessage): string {
  switch (message.type) {
    case 'ping': {
      const accused = message.accused === undefined ? '' : ` accused at ${written(message.accused)}`
      const whom = message.onBehalfOf === undefined ? '' : ` on behalf of ${nameOf(message.onBehalfOf.peer)}`
      return `ping ${message.number}${accused}${whom}`
    }
    case 'ack': {
      const heard = message.heardDirectly === undefined ? '' : message.heardDirectly ? ', heard' : ', unheard'
      return `ack ${message.number} of ${written(message.incarnation)}${heard}`
    }
    case 'ping_req':
      return `ping_req ${message.number} for ${nameOf(message.target)}`
    case 'relayed':
      return `relayed ${message.number} of ${written(message.incarnation)}, ${message.heardDirectly ? 'heard' : 'unheard'}`
    case 'nack':
      return `nack ${message.number}`
    case 'sync':
      return message.buckets === undefined ? 'sync' : 'sync with buckets'
    case 'rows':
      return `rows ${message.rows.map((row) => `${nameOf(row.peer)}:${row.status}:${written(row.incarnation)}`).join(' ')}`
    case 'want':
      return `want ${message.peers.map(nameOf).join(' ')}`
    case 'records':
      return `records ${message.records.map((one) => `${nameOf(one.peer)} ${one.version}`).join(', ')}`
    default:
      throw new TypeError('unknown message')
  }
}
