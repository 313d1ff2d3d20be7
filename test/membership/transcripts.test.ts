/**
 * Stories of a member table, with their full output, in `test/testdata/membership`. A line that starts with `> ` is a
 * command, what follows is what came out. After a change: `npx vitest run test/membership -u`, and review the diff.
 *
 *     run MS                               time passes, with ticks
 *     away MS                              time passes without a call
 *     beat NODE INCARNATION SEQUENCE       a heartbeat of NODE arrives; `+RECORD_VERSION` after it: with a record
 *     leave NODE INCARNATION               a leave of NODE arrives
 *     opened NODE, closed NODE             the connection to NODE
 *     record, leave                        this node's record changes; this node leaves
 *     members                              prints the table
 */
import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { expect, test } from 'vitest'
import { type PeerId, present } from '../../src/base/index.ts'
import type { MembershipEffect } from '../../src/membership/index.ts'
import { Driven, heartbeat, leave, ROSTER, record, STRANGER } from './support.ts'

const FOLDER = join(import.meta.dirname, '../testdata/membership')

for (const file of readdirSync(FOLDER))
  test(`transcript: ${basename(file, '.txt').replaceAll('-', ' ')}`, async () => {
    const path = join(FOLDER, file)
    await expect(replay(readFileSync(path, 'utf8'))).toMatchFileSnapshot(path)
  })

/** The script with what it gives now. Comments (`#`) and empty lines stay. */
function replay(script: string): string {
  const node = new Driven()
  const startedAt = node.now
  const printed: string[] = []
  for (const line of script.split('\n')) {
    if (line === '' || line.startsWith('#')) printed.push(line)
    if (!line.startsWith('> ')) continue
    printed.push(line)
    const table = command(node, line.slice(2).split(' '))
    printed.push(...node.taken().map((effect) => `  ${shown(effect)}`), ...table)
    if (line.startsWith('> run') || line.startsWith('> away')) printed.push(`  at ${node.now - startedAt}`)
  }
  return printed.join('\n')
}

function command(node: Driven, [verb, first = '', second = '1', third = '1', fourth]: string[]): string[] {
  switch (verb) {
    case 'run':
      node.run(Number(first))
      return []
    case 'away':
      node.beAway(Number(first))
      return []
    case 'beat': {
      const version = fourth === undefined ? undefined : Number(fourth.slice(1))
      const carried = version === undefined ? {} : { record: record(first, { record_version: version }) }
      node.hear(
        peerOf(first),
        heartbeat({ incarnation: Number(second), sequence: Number(third), ...carried }),
      )
      return []
    }
    case 'leave':
      if (first === '') node.step({ type: 'leave' })
      else node.hear(peerOf(first), leave(Number(second)))
      return []
    case 'opened':
    case 'closed':
      node.step({ type: `connection_${verb}`, peer: peerOf(first) })
      return []
    case 'record':
      node.step({ type: 'record', record: record('self') })
      return []
    case 'members':
      return node.core.members().map(({ nodeId, status, incarnation, record, lastSeen }) => {
        const age = lastSeen === undefined ? 'never' : `${node.now - lastSeen} ms ago`
        const facts = record === undefined ? 'no record' : `record ${record.record_version}`
        return `  ${nodeId}: ${status}, incarnation ${incarnation}, ${facts}, seen ${age}`
      })
    default:
      throw new TypeError(`unknown command ${verb}`)
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

function shown(effect: MembershipEffect): string {
  if (effect.type === 'changed')
    return `${effect.nodeId}: ${effect.from ?? 'not in roster'} -> ${effect.to ?? 'not in roster'} (${effect.cause}, incarnation ${effect.incarnation})`
  const { message } = effect
  if (message.type === 'leave') return 'publish leave'
  return `publish heartbeat ${message.sequence}${message.record === undefined ? '' : ` with record ${message.recordVersion}`}`
}
