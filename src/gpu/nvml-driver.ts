/**
 * The driver as its library shows it, in the process that may hang with it (`probe-main.ts`). The library is opened at the first
 * look and stays open, for opening wakes sleeping devices and takes seconds where no other process holds them awake. It is opened
 * anew when the kernel's list of devices has changed, or when a device was lost or failed: an open library never
 * sees another device.
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { assert, LIMITS } from '../base/index.ts'
import type { Absence, Device, DriverLook, Fact } from './driver-look.ts'
import { NVML_ERROR, NVML_SUCCESS, type NvmlLibrary, openNvml } from './nvml-library.ts'
import { processBuffer, readProcesses } from './nvml-processes.ts'

export interface NvmlSource {
  /** Path, or a name that the loader looks for. */
  readonly library: string
  /** Where the kernel module tells of itself. */
  readonly kernelFolder: string
}

/** `NVML_DEVICE_UUID_V2_BUFFER_SIZE` and `NVML_DEVICE_NAME_V2_BUFFER_SIZE`, the longest texts. */
const TEXT_BYTES = 96

interface Opened {
  readonly library: NvmlLibrary
  /** What the kernel listed then. */
  readonly listing: string
}

export class NvmlDriver {
  private readonly source: NvmlSource
  private opened: Opened | undefined

  constructor(source: NvmlSource) {
    this.source = source
  }

  look(): DriverLook {
    if (this.opened?.listing !== this.listing()) this.close()
    const opened = this.opened ?? this.open()
    if ('state' in opened) return opened
    this.opened = opened
    const look = lookThrough(opened.library)
    if (look.state !== 'ready' || look.devices.some(isTroubled)) this.close()
    return look
  }

  private open(): Opened | DriverLook {
    const library = openNvml(this.source.library)
    if (typeof library === 'string')
      return { state: 'absent', reason: cut(`${this.source.library}: ${library}`) }
    const listing = this.listing()
    const code = library.init?.() ?? NVML_ERROR.functionNotFound
    return code === NVML_SUCCESS ? { library, listing } : unusable(library, 'nvmlInit', code)
  }

  private close(): void {
    this.opened?.library.shutdown?.()
    this.opened = undefined
  }

  private listing(): string {
    try {
      return readdirSync(join(this.source.kernelFolder, 'gpus')).join()
    } catch {
      return ''
    }
  }
}

function lookThrough(library: NvmlLibrary): DriverLook {
  const count = new Uint32Array(1)
  const code = library.deviceCount?.(count) ?? NVML_ERROR.functionNotFound
  if (code !== NVML_SUCCESS) return unusable(library, 'nvmlDeviceGetCount', code)
  const devices = Math.min(count[0] ?? 0, LIMITS.gpuDevicesMax)
  const { driverVersion, nvmlVersion } = library
  return {
    state: 'ready',
    driverVersion: textFact(library, 'nvmlSystemGetDriverVersion', driverVersion),
    nvmlVersion: textFact(library, 'nvmlSystemGetNVMLVersion', nvmlVersion),
    devices: Array.from({ length: devices }, (_, index) => lookAt(library, index)),
  }
}

function lookAt(library: NvmlLibrary, index: number): Device {
  const handle = new BigUint64Array(1)
  const code = library.deviceByIndex?.(index, handle) ?? NVML_ERROR.functionNotFound
  if (code !== NVML_SUCCESS) {
    const all = absence(library, 'nvmlDeviceGetHandleByIndex', code)
    return { index, uuid: all, name: all, memory: all, processes: all }
  }
  const device = handle[0] ?? 0n
  const { deviceUuid, deviceName } = library
  return {
    index,
    uuid: textFact(
      library,
      'nvmlDeviceGetUUID',
      deviceUuid && ((text, max) => deviceUuid(device, text, max)),
    ),
    name: textFact(
      library,
      'nvmlDeviceGetName',
      deviceName && ((text, max) => deviceName(device, text, max)),
    ),
    memory: memoryFact(library, device),
    processes: processesFact(library, device),
  }
}

function textFact(
  library: NvmlLibrary,
  name: string,
  call: ((text: Uint8Array, length: number) => number) | undefined,
): Fact<string> {
  const text = new Uint8Array(TEXT_BYTES)
  const code = call?.(text, text.length) ?? NVML_ERROR.functionNotFound
  if (code !== NVML_SUCCESS) return absence(library, name, code)
  return { value: new TextDecoder().decode(text.subarray(0, text.indexOf(0))) }
}

function memoryFact(library: NvmlLibrary, device: bigint): Device['memory'] {
  const memory = new BigUint64Array(3)
  const code = library.deviceMemory?.(device, memory) ?? NVML_ERROR.functionNotFound
  if (code !== NVML_SUCCESS) return absence(library, 'nvmlDeviceGetMemoryInfo', code)
  return { value: { totalBytes: Number(memory[0]), usedBytes: Number(memory[2]) } }
}

function processesFact(library: NvmlLibrary, device: bigint): Device['processes'] {
  const { computeProcesses } = library
  const name = 'nvmlDeviceGetComputeRunningProcesses'
  if (computeProcesses === undefined) return absence(library, name, NVML_ERROR.functionNotFound)
  const buffer = processBuffer()
  const count = new Uint32Array([LIMITS.gpuProcessesMax])
  const code = computeProcesses.call(device, count, buffer)
  if (code !== NVML_SUCCESS) return absence(library, name, code)
  const there = count[0] ?? 0
  assert(there <= LIMITS.gpuProcessesMax, 'the driver tells no more than there is room for')
  return { value: readProcesses(buffer, there, computeProcesses.entryBytes) }
}

const LOST: readonly number[] = [NVML_ERROR.gpuIsLost, NVML_ERROR.notFound, NVML_ERROR.resetRequired]
const UNSUPPORTED: readonly number[] = [
  NVML_ERROR.notSupported,
  NVML_ERROR.noPermission,
  NVML_ERROR.functionNotFound,
]

function absence(library: NvmlLibrary, name: string, code: number): Absence {
  const missing = LOST.includes(code) ? 'lost' : UNSUPPORTED.includes(code) ? 'unsupported' : 'failed'
  return { missing, reason: reasonOf(library, name, code) }
}

const unusable = (library: NvmlLibrary, name: string, code: number): DriverLook => ({
  state: 'unusable',
  reason: reasonOf(library, name, code),
})

function reasonOf(library: NvmlLibrary, name: string, code: number): string {
  return cut(`${name}: ${library.errorString?.(code) ?? 'error'} (${code})`)
}

const cut = (text: string): string => text.slice(0, LIMITS.gpuTextCharsMax)

/** A device of which a fact is missing that should be there. */
const isTroubled = ({ uuid, processes }: Device): boolean =>
  [uuid, processes].some((fact) => 'missing' in fact && fact.missing !== 'unsupported')
