/**
 * What a node says of itself: the contract's `NodeRecord` (legacy-http-behaviour.md §10.1, §10.2, §10.7) with its field
 * names, plus additive fields of this mesh. A record is a claim of its owner, never a verdict: `quarantined` and
 * `maintenance` in it are what the owner believes, and `last_seen_unix_ms` is the owner's own clock.
 *
 * Fields that this version does not know are kept as they came, so that an older node between two newer ones
 * loses nothing. They must be plain data (what JSON can say), because the façade passes records on as JSON. The contract leaves
 * enum-like fields (`visibility`, `trust_tier`, ...) as free text, and so does this schema.
 */
import { z } from 'zod'
import { LIMITS } from '../base/index.ts'

const text = z.string().nullish()
const texts = z.array(z.string()).readonly().nullish()
const flag = z.boolean().nullish()
const count = z.number().int().nonnegative().nullish()
const addresses = z
  .array(z.string().max(LIMITS.addressBytesMax))
  .max(LIMITS.addressesMax)
  .readonly()
  .nullish()

/** `TaskCapabilityHints`: labels and hints that the owner advertises (layer C of design §10). */
const capabilitiesSchema = z.looseObject({
  gpu_cuda: flag,
  gpu_metal: flag,
  gpu_vulkan: flag,
  gpu_webgpu: flag,
  npu: flag,
  visus_eligible: flag,
  multi_modal: flag,
  device_class: text,
  min_vram_mb: count,
  cpu_cores: count,
  arch: text,
  hostname: text,
  labels: texts,
  min_cpu_cores: count,
  prefer_gpu_compute: flag,
  routing_tier: text,
  is_low_confidence_bypass_blocked: flag,
  force_socrates_research: flag,
})

/** Small enough for the contract's unsigned 8-bit numbers, which its readers insist on. */
const byte = z.number().int().min(0).max(255)

/** `ModelAdvertisement` (§10.7). What the contract requires is required: a legacy reader that misses it refuses the whole list of nodes. */
const advertisedModelSchema = z.looseObject({
  model_id: z.string(),
  task_kinds: z.array(z.string()).readonly(),
  vram_required_mb: z.number().int().nonnegative(),
  is_loaded: z.boolean(),
  quantization: text,
})

const redundancySchema = z.looseObject({
  mode: z.string(),
  min_replicas: z.number().int().nonnegative(),
  max_replicas: z.number().int().nonnegative(),
  skip_above: text,
  determinism_proof_blake3_hex: text,
})

/** `WorkerDonationPolicy` with its `DonationSlot`s and `RedundancyPolicy` (§10.7). */
const donationPolicySchema = z.looseObject({
  slots: z.array(z.looseObject({ task_kind: z.string(), max_concurrent: byte, weight_pct: byte })).readonly(),
  nsfw_allowed: z.boolean(),
  max_job_duration_secs: z.number().int().nonnegative(),
  public_mesh_opt_in: z.boolean(),
  min_priority: byte,
  allowed_scopes: texts,
  allowed_users: texts,
  denied_users: texts,
  allowed_mesh_networks: texts,
  accept_sensitive_workloads: flag,
  redundancy: redundancySchema.nullish(),
  accepts_inference_workloads: flag,
  accepts_training_workloads: flag,
  cuda_tier: count,
  metal_tier: count,
  vram_min_gb: z.number().nonnegative().nullish(),
  accepts_sensitive_training_data: flag,
})

export const nodeRecordSchema = z
  .looseObject({
    /** The node id of the credential. A record under another id than its sender's is refused. */
    id: z.string(),
    capabilities: capabilitiesSchema,
    listen_addr: text,
    version: z.string(),
    last_seen_unix_ms: z.number().int().nonnegative(),
    scope_id: text,
    visibility: text,
    pool_id: text,
    trust_tier: text,
    workload_classes: texts,
    privacy_class: text,
    loaded_llm_models: texts,
    maintenance: flag,
    maintenance_until_unix_ms: count,
    provider: text,
    gpu_total_count: count,
    gpu_healthy_count: count,
    gpu_allocatable_count: count,
    gpu_inventory_source: text,
    gpu_truth_layer: text,
    nvidia_driver_version: text,
    cuda_driver_version: text,
    gpu_readiness_ok: flag,
    gpu_readiness_reason: text,
    gpu_readiness_checked_unix_ms: count,
    quarantined: flag,
    host_triple: text,
    cpu_usage_pct: z.number().nullish(),
    memory_free_bytes: count,
    owner_vox_user_id: text,
    advertised_models: z.array(advertisedModelSchema).readonly().nullish(),
    donation_policy: donationPolicySchema.nullish(),
    ed25519_pub_key_b64: text,
    probe_failures: texts,

    // Additive fields of this mesh.
    /** libp2p identity of the owner; must be the sender's. */
    peer_id: text,
    /** Multiaddrs at which the owner can be dialled, best first. */
    addresses,
    /** Base URLs of the owner's façade. */
    facade_urls: addresses,
    /** Whether the owner takes work of other nodes (promise P7). Missing means no. */
    remote_execute: flag,
    /** Executions under the owner's guardian when the record was made. */
    running_tasks: count,
    /** `auto`, `always` or `never`: whether the owner is willing to vote in the authority. Missing means `auto`. */
    voter_policy: text,
    /** Votes, and never executes. */
    witness: flag,
    /** Names of the functions that a program registered at the owner: it runs these and no others. Missing means none. */
    functions: z
      .array(z.string().max(LIMITS.functionNameCharsMax))
      .max(LIMITS.functionsMax)
      .readonly()
      .nullish(),
    /** GPUs that get no work, with a code of the reason vocabulary. */
    gpus_withheld: z
      .array(z.looseObject({ uuid: z.string(), reason: z.string(), since_unix_ms: z.number().int() }))
      .max(LIMITS.gpuDevicesMax)
      .readonly()
      .nullish(),
    /** Rises with each change within one incarnation; stamped when the record is published. */
    record_version: count,
  })
  .refine(
    (record) => isPlainData(record, LIMITS.nodeRecordDepthMax),
    'holds something that is not plain data',
  )

export type NodeRecord = Readonly<z.output<typeof nodeRecordSchema>>

/** Whether JSON can say it, in at most `depth` levels. Bounded, so that hostile nesting cannot exhaust the stack. */
function isPlainData(value: unknown, depth: number): boolean {
  if (value === null) return true
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true
    case 'number':
      return Number.isFinite(value)
    case 'object':
      if (depth === 0) return false
      if (!Array.isArray(value) && Object.getPrototypeOf(value) !== Object.prototype) return false
      return Object.values(value).every((inner) => isPlainData(inner, depth - 1))
    default:
      return false
  }
}
