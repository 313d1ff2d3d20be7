import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CodedError, encode, LIMITS } from '../../src/base/index.ts'
import { decodeGossip, encodeGossip, type NodeRecord } from '../../src/membership/index.ts'
import { ATTIC, at, DESK, dead, heartbeat, leave, record, signed, suspect } from './support.ts'

function codeOf(act: () => unknown): string {
  try {
    act()
  } catch (error) {
    if (error instanceof CodedError) return error.code
    throw error
  }
  return 'no error'
}

/** As the façade would pass it on. */
function asJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value))
}

/** Every field of the contract (legacy-http-behaviour.md §10.1, §10.2) and the additive ones. */
const FULL: NodeRecord = {
  id: 'attic',
  capabilities: {
    gpu_cuda: true,
    gpu_metal: false,
    gpu_vulkan: true,
    gpu_webgpu: false,
    npu: false,
    visus_eligible: false,
    multi_modal: true,
    device_class: 'desktop',
    min_vram_mb: 24_576,
    cpu_cores: 16,
    arch: 'x86_64',
    hostname: 'attic',
    labels: ['pool=train'],
    min_cpu_cores: 4,
    prefer_gpu_compute: true,
    routing_tier: 'a',
    is_low_confidence_bypass_blocked: false,
    force_socrates_research: false,
  },
  listen_addr: '192.0.2.1:9847',
  version: '0.1.0',
  last_seen_unix_ms: 1_770_000_000_000,
  scope_id: 'abcdefghijklmnop',
  visibility: 'private',
  pool_id: 'p',
  trust_tier: 'trusted',
  workload_classes: ['agent'],
  privacy_class: 'trusted_only',
  loaded_llm_models: ['m'],
  maintenance: false,
  maintenance_until_unix_ms: null,
  provider: 'runpod',
  gpu_total_count: 2,
  gpu_healthy_count: 2,
  gpu_allocatable_count: 1,
  gpu_inventory_source: 'probed',
  gpu_truth_layer: 'layer_b_allocatable',
  nvidia_driver_version: '580.1',
  cuda_driver_version: '13.0',
  gpu_readiness_ok: true,
  gpu_readiness_reason: 'ok',
  gpu_readiness_checked_unix_ms: 1_770_000_000_000,
  quarantined: false,
  host_triple: 'x86_64-unknown-linux-gnu',
  cpu_usage_pct: 12.5,
  memory_free_bytes: null,
  owner_vox_user_id: 'u',
  advertised_models: [
    { model_id: 'm', task_kinds: ['embed'], vram_required_mb: 1, is_loaded: true, quantization: null },
  ],
  donation_policy: {
    slots: [{ task_kind: 'embed', max_concurrent: 1, weight_pct: 100 }],
    nsfw_allowed: false,
    max_job_duration_secs: 3600,
    public_mesh_opt_in: false,
    min_priority: 0,
  },
  ed25519_pub_key_b64: 'AAAA',
  probe_failures: ['nvml: no library'],
  peer_id: '12D3KooW',
  addresses: ['/ip4/192.0.2.1/tcp/9846'],
  facade_urls: ['http://192.0.2.1:9847'],
  remote_execute: true,
  running_tasks: 3,
  record_version: 7,
}

describe('the gossip codec', () => {
  test('every kind of message survives the round trip', () => {
    const full = signed(ATTIC, 'attic', { version: 7, record: FULL })
    const { signature } = full
    const change = { from: 6, set: { running_tasks: 3, x_new: null }, unset: ['maintenance'], signature }
    for (const message of [
      heartbeat({ record: full }),
      { ...heartbeat({ recordVersion: 7 }), change },
      heartbeat({ incarnation: at(4), sequence: 9 }),
      suspect(ATTIC, at(2, 3), 'closed'),
      dead(DESK, at(2)),
      leave(at(2)),
    ])
      expect(decodeGossip(encodeGossip(message))).toEqual(message)
  })

  test('unknown fields of a record and of its capabilities survive, whatever plain data they hold', () => {
    const unknown = fc.dictionary(
      fc.string({ maxLength: 8 }).map((name) => `x_${name}`),
      fc.jsonValue({ maxDepth: 4, noUnicodeString: true, depthSize: 'small' }),
      { maxKeys: 4 },
    )
    fc.assert(
      fc.property(unknown, unknown, (fields, hints) => {
        const about = { ...record('attic', { record_version: 1, capabilities: hints }), ...fields }
        const message = heartbeat({ record: signed(ATTIC, 'attic', { record: about }) })
        fc.pre(encode(message).length <= LIMITS.gossipMessageBytesMax)
        expect(asJson(decodeGossip(encodeGossip(message)))).toEqual(asJson(message))
      }),
    )
  })

  test('unknown fields of a message are left out, so that newer nodes can add some', () => {
    expect(decodeGossip(encode({ ...leave(), farewell: 'bye' }))).toEqual(leave())
  })

  test('an unknown type is wire.unknown_type', () => {
    expect(codeOf(() => decodeGossip(encode({ type: 'admin_order' })))).toBe('wire.unknown_type')
    expect(codeOf(() => decodeGossip(encode({ type: 'toString' })))).toBe('wire.unknown_type')
  })

  test.each([
    ['not CBOR', Uint8Array.of(0xff, 0xff)],
    ['no message', encode(7)],
    ['no type', encode({ incarnation: 1 })],
    ['an incarnation of zero', encode({ type: 'leave', incarnation: 0 })],
    ['an incarnation above the safe integers', encode({ type: 'leave', incarnation: 2 ** 60 })],
    [
      'a record without capabilities',
      encode({ ...heartbeat(), record: { ...signed(ATTIC, 'attic'), record: { id: 'attic' } } }),
    ],
    [
      'a record without a signature',
      encode({ ...heartbeat(), record: { ...signed(ATTIC, 'attic'), signature: 0 } }),
    ],
    [
      'an accusation of nobody',
      encode({ type: 'suspect', members: [{ incarnation: at(1), evidence: 'silence' }] }),
    ],
    [
      'an accusation without evidence',
      encode({ type: 'suspect', members: [{ peer: ATTIC, incarnation: at(1) }] }),
    ],
    [
      'more accusations than fit',
      encode({
        type: 'dead',
        members: Array(LIMITS.accusationsMax + 1).fill({ peer: ATTIC, incarnation: at(1) }),
      }),
    ],
    [
      'bytes in an unknown field',
      encode(
        heartbeat({
          record: signed(ATTIC, 'attic', { record: record('attic', { x_blob: new Uint8Array(3) }) }),
        }),
      ),
    ],
    [
      'too many addresses',
      encode(
        heartbeat({
          record: signed(ATTIC, 'attic', {
            record: record('attic', { addresses: Array(17).fill('/ip4/192.0.2.1') }),
          }),
        }),
      ),
    ],
  ])('%s is wire.malformed', (_, bytes) => {
    expect(codeOf(() => decodeGossip(bytes))).toBe('wire.malformed')
  })

  test.each([9, 1000, 6000])(
    'an unknown field of %i lists in each other is wire.malformed and does no harm',
    (depth) => {
      const nested = new Uint8Array(depth).fill(0x81)
      const bytes = encode(
        heartbeat({ record: signed(ATTIC, 'attic', { record: record('attic', { x_nested: 'here' }) }) }),
      )
      const marker = Uint8Array.of(0x64, ...new TextEncoder().encode('here'))
      const at = bytes.findIndex((_, index) => marker.every((byte, offset) => bytes[index + offset] === byte))
      const hostile = Uint8Array.of(
        ...bytes.subarray(0, at),
        ...nested,
        0x01,
        ...bytes.subarray(at + marker.length),
      )
      expect(codeOf(() => decodeGossip(hostile))).toBe('wire.malformed')
    },
  )

  test('a message above the limit is refused before it is decoded, and is not sent', () => {
    const large = heartbeat({
      record: signed(ATTIC, 'attic', {
        record: record('attic', { probe_failures: ['x'.repeat(LIMITS.gossipMessageBytesMax)] }),
      }),
    })
    expect(codeOf(() => encodeGossip(large))).toBe('limit.exceeded')
    expect(codeOf(() => decodeGossip(encode(large)))).toBe('limit.exceeded')
  })

  test('any bytes are either a message or a coded error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        expect(['no error', 'wire.malformed', 'wire.unknown_type']).toContain(
          codeOf(() => decodeGossip(bytes)),
        )
      }),
    )
  })
})
