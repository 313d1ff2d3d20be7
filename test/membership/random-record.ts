/** Node records as they may come from machines of any version: known fields in any combination, and unknown ones. */
import fc from 'fast-check'
import type { NodeRecord } from '../../src/membership/index.ts'
import { CAPABILITY_FIELDS, type ContractField, RECORD_FIELDS } from './contract-fields.ts'

/** A field that may be there, null or absent; there with a plain value of its type. */
function values({ example, unset }: ContractField): fc.Arbitrary<unknown> {
  const there: fc.Arbitrary<unknown> =
    typeof example === 'string'
      ? fc.string()
      : typeof example === 'number' && Number.isInteger(example)
        ? fc.nat()
        : typeof example === 'number'
          ? fc.double({ noNaN: true, noDefaultInfinity: true })
          : typeof example === 'boolean'
            ? fc.boolean()
            : fc.constant(example)
  return unset === 'never' ? there : fc.option(there)
}

const arbitraries = (fields: readonly ContractField[]): Record<string, fc.Arbitrary<unknown>> =>
  Object.fromEntries(fields.map((field) => [field.name, values(field)]))

/** Fields that no version of this program has. */
const unknownFields = fc.dictionary(
  fc.string({ maxLength: 8 }).map((name) => `x_${name}`),
  fc.jsonValue({ maxDepth: 3, depthSize: 'small' }),
  { maxKeys: 4 },
)

const capabilities = fc
  .tuple(fc.record(arbitraries(CAPABILITY_FIELDS), { requiredKeys: [] }), unknownFields)
  .map(([known, unknown]) => ({ ...known, ...unknown }))

const additive = fc.record(
  {
    peer_id: fc.option(fc.string()),
    addresses: fc.option(fc.array(fc.string({ maxLength: 64 }), { maxLength: 4 })),
    facade_urls: fc.option(fc.array(fc.webUrl(), { maxLength: 2 })),
    remote_execute: fc.option(fc.boolean()),
    running_tasks: fc.option(fc.nat()),
    voter_policy: fc.option(fc.constantFrom('auto', 'always', 'never', 'of a newer version')),
    witness: fc.option(fc.boolean()),
    record_version: fc.option(fc.nat()),
  },
  { requiredKeys: [] },
)

const required = { id: fc.string(), version: fc.string(), last_seen_unix_ms: fc.nat(), capabilities }

const contract = fc.record(
  { ...arbitraries(RECORD_FIELDS.filter(({ unset }) => unset !== 'never')), ...required },
  { requiredKeys: ['id', 'version', 'last_seen_unix_ms', 'capabilities'] },
)

export const anyRecord: fc.Arbitrary<NodeRecord> = fc
  .tuple(contract, additive, unknownFields)
  .map(([known, added, unknown]) => ({ ...unknown, ...known, ...added }) as NodeRecord)
