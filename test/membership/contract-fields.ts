/**
 * The fields of the contract's `NodeRecord` as the control plane's OpenAPI file and the notes on the old server's behaviour
 * (legacy-http-behaviour.md §10.1, §10.2, §10.7) list them, in wire order, which are not part of this repository.
 */
export interface ContractField {
  readonly name: string
  /** `omitted`: left out when unset. `null`: always there, `null` when unset. `never`: required. */
  readonly unset: 'omitted' | 'null' | 'never'
  /** Whether the OpenAPI file has it; the others are only in the old server. */
  readonly documented: boolean
  readonly example: unknown
  /** Of a type that the field does not have. */
  readonly wrong: unknown
}

type Row = readonly [
  name: string,
  unset: ContractField['unset'],
  documented: boolean,
  example: unknown,
  wrong: unknown,
]

const fields = (rows: readonly Row[]): readonly ContractField[] =>
  rows.map(([name, unset, documented, example, wrong]) => ({ name, unset, documented, example, wrong }))

export const RECORD_FIELDS = fields([
  ['id', 'never', true, 'attic', 7],
  ['capabilities', 'never', true, { gpu_cuda: true, labels: ['pool=train'] }, 'gpu_cuda'],
  ['listen_addr', 'omitted', true, '192.0.2.1:9847', 9847],
  ['version', 'never', true, '0.1.0', 1],
  ['last_seen_unix_ms', 'never', true, 1_770_000_000_000, '2026-11-21'],
  ['scope_id', 'omitted', true, 'home', 1],
  ['visibility', 'omitted', true, 'hybrid', true],
  ['pool_id', 'omitted', true, 'p', 1],
  ['trust_tier', 'omitted', true, 'probation', 2],
  ['workload_classes', 'omitted', true, ['agent', 'train'], 'agent'],
  ['privacy_class', 'omitted', true, 'trusted_only', false],
  ['loaded_llm_models', 'omitted', false, ['m'], 'm'],
  ['maintenance', 'omitted', true, true, 'yes'],
  ['maintenance_until_unix_ms', 'omitted', true, 1_770_000_000_000, 'soon'],
  ['provider', 'omitted', true, 'runpod', 1],
  ['gpu_total_count', 'omitted', true, 2, '2'],
  ['gpu_healthy_count', 'omitted', true, 2, 1.5],
  ['gpu_allocatable_count', 'omitted', true, 1, -1],
  ['gpu_inventory_source', 'omitted', true, 'probed', 1],
  ['gpu_truth_layer', 'omitted', true, 'layer_a_verified', 1],
  ['nvidia_driver_version', 'omitted', false, '580.1', 580],
  ['cuda_driver_version', 'omitted', false, '13.0', 13],
  ['gpu_readiness_ok', 'omitted', false, true, 'ok'],
  ['gpu_readiness_reason', 'omitted', false, 'ok', true],
  ['gpu_readiness_checked_unix_ms', 'omitted', false, 1_770_000_000_000, 'now'],
  ['quarantined', 'omitted', true, false, 'no'],
  ['host_triple', 'omitted', false, 'x86_64-unknown-linux-gnu', 86],
  ['cpu_usage_pct', 'omitted', false, 12.5, '12.5'],
  ['memory_free_bytes', 'null', false, 2 ** 40, '1 TiB'],
  ['owner_vox_user_id', 'omitted', false, 'u', 1],
  [
    'advertised_models',
    'omitted',
    false,
    [{ model_id: 'm', task_kinds: ['embed'], vram_required_mb: 1, is_loaded: true, quantization: null }],
    [{ model_id: 'm' }],
  ],
  [
    'donation_policy',
    'omitted',
    false,
    {
      slots: [{ task_kind: 'train_q_lo_r_a', max_concurrent: 1, weight_pct: 100 }],
      nsfw_allowed: false,
      max_job_duration_secs: 3600,
      public_mesh_opt_in: true,
      min_priority: 0,
      allowed_scopes: null,
      allowed_users: ['u'],
      denied_users: null,
      allowed_mesh_networks: null,
      accept_sensitive_workloads: false,
      redundancy: { mode: 'race', min_replicas: 2, max_replicas: 3 },
      accepts_inference_workloads: true,
      accepts_training_workloads: false,
      cuda_tier: 0,
      metal_tier: 0,
      vram_min_gb: 0,
      accepts_sensitive_training_data: false,
    },
    { slots: [], nsfw_allowed: false, max_job_duration_secs: 1, public_mesh_opt_in: true, min_priority: 256 },
  ],
  ['ed25519_pub_key_b64', 'omitted', false, 'AAAA', [0]],
  ['probe_failures', 'omitted', false, ['nvml: no library'], 'nvml'],
])

/** Of `capabilities`. The old server emits ten of them whenever it passes a record on, `false` when unset. */
export const CAPABILITY_FIELDS = fields([
  ['gpu_cuda', 'omitted', false, true, 1],
  ['gpu_metal', 'omitted', false, false, 0],
  ['gpu_vulkan', 'omitted', false, true, 'yes'],
  ['gpu_webgpu', 'omitted', false, false, 'no'],
  ['npu', 'omitted', false, false, 0],
  ['visus_eligible', 'omitted', false, true, 1],
  ['multi_modal', 'omitted', false, true, 1],
  ['device_class', 'omitted', false, 'desktop', 1],
  ['min_vram_mb', 'omitted', false, 24_576, '24 GiB'],
  ['cpu_cores', 'omitted', false, 16, 1.5],
  ['arch', 'omitted', false, 'x86_64', 64],
  ['hostname', 'omitted', false, 'attic', 1],
  ['labels', 'omitted', false, ['pool=train'], { pool: 'train' }],
  ['min_cpu_cores', 'omitted', false, 4, -1],
  ['prefer_gpu_compute', 'omitted', false, true, 1],
  ['routing_tier', 'omitted', false, 'a', 1],
  ['is_low_confidence_bypass_blocked', 'omitted', false, false, 0],
  ['force_socrates_research', 'omitted', false, false, 0],
])

/** What this mesh adds to the contract. */
export const ADDITIVE_FIELDS: readonly string[] = [
  'peer_id',
  'addresses',
  'facade_urls',
  'remote_execute',
  'running_tasks',
  'voter_policy',
  'witness',
  'functions',
  'gpus_withheld',
  'record_version',
]
