import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  checkClientRequest,
  checkProposal,
  decodeProposal,
  encodeClientRequest,
  encodeProposal,
} from '../../src/authority/command-codec.ts'
import type { AuthorityCommand, ClientCommand, Proposal } from '../../src/authority/commands.ts'
import { readClientRequest, readProposal } from '../../src/authority/hot-commands.ts'
import { decodeClientRequest } from '../../src/authority/index.ts'
import { CodedError, encode, type LeaseId, LIMITS, unixMs } from '../../src/base/index.ts'
import { A, B, entryOf, key } from './support.ts'

const id = 7 as LeaseId
const request = { session: 3, sequence: 9, answeredBelow: 4 }
const CLIENT_COMMANDS: readonly ClientCommand[] = [
  { type: 'session.open' },
  { type: 'lease.grant', scopeKey: key('1'), holder: B, ttlMs: 5000 },
  { type: 'lease.renew', leaseId: id },
  { type: 'lease.release', leaseId: id },
  { type: 'lease.revoke', leaseId: id, force: false },
  { type: 'lease.revoke', leaseId: id, force: true, reason: 'the machine is sold' },
  {
    type: 'invite.create',
    inviteId: 'i',
    derivedKey: new Uint8Array([1]),
    expiresUnixMs: unixMs(5),
  },
  { type: 'roster.admit', inviteId: 'i', entry: entryOf(B, 'b') },
]
const COMMANDS: readonly AuthorityCommand[] = [
  ...CLIENT_COMMANDS,
  { type: 'lease.expire', term: 2, leases: [{ leaseId: id, renewals: 0 }] },
  { type: 'roster.found', entry: entryOf(A, 'a') },
]

function codeOf(work: () => unknown): string {
  try {
    work()
    return 'ok'
  } catch (thrown) {
    return thrown instanceof CodedError ? thrown.code : String(thrown)
  }
}

/** Values of every kind at the edges of what a field takes, and what stands in well-formed commands. */
const edge = fc.oneof(
  fc.constantFrom<unknown>(
    ...[-1, -0, 0, 1, 2, 3, 1000, 999, 3_600_000, 3_600_001, 2 ** 53, 2 ** 53 - 1, 0.5, 1e300],
    ...[
      '',
      'x',
      'é',
      '\ud83d\ude00'.repeat(32),
      'x'.repeat(128),
      'x'.repeat(129),
      'é'.repeat(64),
      'é'.repeat(65),
    ],
    ...['k'.repeat(2048), 'k'.repeat(2049), '€'.repeat(682), '€'.repeat(683)],
    ...[null, true, [], {}, new Uint8Array(2), 1n, 2n ** 60n],
  ),
  fc.integer(),
  fc.string(),
)
const list = (length: number, ...likely: fc.Arbitrary<unknown>[]) =>
  fc.oneof(
    { weight: 8, arbitrary: fc.tuple(...likely.map((one) => fc.oneof({ weight: 6, arbitrary: one }, edge))) },
    fc.array(edge, { maxLength: length + 1 }),
    edge,
  )
const text = fc.constantFrom('peer-a', 'task:1')
const number = fc.integer({ min: 1, max: 10_000 })
const anyRequest = list(3, number, number, number)
const anyCommand = fc.oneof(
  list(4, fc.constantFrom(0, 1), text, text, fc.integer({ min: 1000, max: 10_000 })),
  list(2, fc.constantFrom(0, 1, 2, 3), number),
)

describe('commands as bytes', () => {
  it('every command comes back as it was, with and without a request id', () => {
    for (const command of COMMANDS) {
      for (const proposal of [
        { requester: A, atUnixMs: unixMs(5), command },
        { requester: A, request, atUnixMs: unixMs(5), command },
      ] satisfies Proposal[]) {
        expect(decodeProposal(encodeProposal(proposal))).toEqual(proposal)
      }
    }
    for (const command of CLIENT_COMMANDS) {
      expect(decodeClientRequest(encodeClientRequest({ request, command }))).toEqual({ request, command })
      expect(decodeClientRequest(encodeClientRequest({ command })).command).toEqual(command)
    }
  })

  it('entries of version 0.1, which are maps, are read as well', () => {
    for (const command of COMMANDS) {
      const proposal: Proposal = { requester: A, request, atUnixMs: unixMs(5), command }
      expect(decodeProposal(encode(proposal))).toEqual(proposal)
    }
  })

  it('what only the leader may propose is no request', () => {
    for (const command of COMMANDS.filter(({ type }) => type === 'lease.expire' || type === 'roster.found')) {
      const data = encode([null, command])
      expect(codeOf(() => decodeClientRequest(data))).toBe('wire.malformed')
    }
  })

  it('the readers by hand accept nothing that the schema refuses, and mean the same by it', () => {
    let accepted = 0
    fc.assert(
      fc.property(list(4, text, anyRequest, fc.nat(), anyCommand), (value) => {
        const read = readProposal(value)
        if (read === undefined) return
        accepted += 1
        expect(checkProposal(value)).toEqual(read)
      }),
      { numRuns: 20_000 },
    )
    fc.assert(
      fc.property(list(2, anyRequest, anyCommand), (value) => {
        const read = readClientRequest(value)
        if (read !== undefined) expect(checkClientRequest(value)).toEqual(read)
      }),
      { numRuns: 20_000 },
    )
    expect(accepted).toBeGreaterThan(1000)
  })

  it('the readers by hand take what nodes write for every lease', () => {
    const hot = ['lease.grant', 'lease.renew', 'lease.release']
    for (const command of CLIENT_COMMANDS) {
      const [given, packed] = [
        readClientRequest([[3, 9, 4], packedOf(command)]),
        readProposal([A, [3, 9, 4], 5, packedOf(command)]),
      ]
      const isHot = hot.includes(command.type)
      expect({ type: command.type, given }).toEqual({
        type: command.type,
        given: isHot ? { request, command } : undefined,
      })
      expect(packed?.command).toEqual(isHot ? command : undefined)
    }
  })

  it('bounds are in bytes of UTF-8, not in characters', () => {
    const grant = (scopeKey: string) =>
      codeOf(() =>
        decodeClientRequest(
          encode([
            [1, 1, 1],
            [0, scopeKey, 'peer-a', 5000],
          ]),
        ),
      )
    expect(grant('k'.repeat(LIMITS.scopeKeyBytesMax))).toBe('ok')
    expect(grant('k'.repeat(LIMITS.scopeKeyBytesMax + 1))).toBe('wire.malformed')
    expect(grant('€'.repeat(682))).toBe('ok')
    expect(grant('€'.repeat(683))).toBe('wire.malformed')
    expect(grant('\ud83d\ude00'.repeat(512))).toBe('ok')
    expect(grant('\ud83d\ude00'.repeat(513))).toBe('wire.malformed')
  })
})

/** The command as it stands in the array that nodes write. */
function packedOf(command: ClientCommand): unknown {
  switch (command.type) {
    case 'lease.grant':
      return [0, command.scopeKey, command.holder, command.ttlMs]
    case 'lease.renew':
      return [1, command.leaseId]
    case 'lease.release':
      return [2, command.leaseId]
    default:
      return command
  }
}
