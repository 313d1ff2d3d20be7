/**
 * NVML's functions as this program calls them. Facts of NVIDIA's public header `nvml.h`: names, codes, sizes. A device handle is a
 * pointer that only the library looks into, so it travels as a number; results are written into buffers of ours.
 *
 * A function that the library lacks is `undefined`: which of them an installation has depends on the age of its driver.
 */
import koffi, { type LibraryHandle } from 'koffi'

export const NVML_SUCCESS = 0

/** `nvmlReturn_t`, as far as something follows from the code. */
export const NVML_ERROR = {
  notSupported: 3,
  noPermission: 4,
  notFound: 6,
  insufficientSize: 7,
  functionNotFound: 13,
  gpuIsLost: 15,
  resetRequired: 16,
} as const

type DeviceHandle = bigint
type Call<Args extends readonly unknown[]> = ((...args: Args) => number) | undefined
type TextCall = Call<[text: Uint8Array, length: number]>
type DeviceTextCall = Call<[device: DeviceHandle, text: Uint8Array, length: number]>
/** `count`: in, how many entries fit; out, how many there are. */
type ProcessesCall = Call<[device: DeviceHandle, count: Uint32Array, entries: Uint8Array]>

export interface NvmlLibrary {
  readonly init: Call<[]>
  readonly shutdown: Call<[]>
  readonly errorString: ((code: number) => string | null) | undefined
  readonly driverVersion: TextCall
  readonly nvmlVersion: TextCall
  readonly deviceCount: Call<[count: Uint32Array]>
  readonly deviceByIndex: Call<[index: number, handle: BigUint64Array]>
  readonly deviceUuid: DeviceTextCall
  readonly deviceName: DeviceTextCall
  /** `nvmlMemory_t`: total, free, used. */
  readonly deviceMemory: Call<[device: DeviceHandle, memory: BigUint64Array]>
  /** The newest that there is, and how long its entries are by the header. */
  readonly computeProcesses:
    | { readonly call: NonNullable<ProcessesCall>; readonly entryBytes: number }
    | undefined
}

/** @returns a sentence where nothing of that name can be loaded: on most machines there is nothing. */
export function openNvml(path: string): NvmlLibrary | string {
  let library: LibraryHandle
  try {
    library = koffi.load(path)
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown)
  }
  return bindNvml(library)
}

function bindNvml(library: LibraryHandle): NvmlLibrary {
  const bind = <Bound>(name: string, result: string, args: readonly string[]): Bound | undefined => {
    try {
      return library.func(name, result, [...args]) as Bound
    } catch {
      return undefined
    }
  }
  const first = <Bound>(names: readonly string[], args: readonly string[]): Bound | undefined => {
    for (const name of names) {
      const found = bind<Bound>(name, 'int', args)
      if (found !== undefined) return found
    }
    return undefined
  }
  const device = 'uintptr_t'
  const processesArgs = [device, 'void *', 'void *']
  const processes = PROCESS_FUNCTIONS.flatMap(({ name, entryBytes }) => {
    const call = bind<NonNullable<ProcessesCall>>(name, 'int', processesArgs)
    return call === undefined ? [] : [{ call, entryBytes }]
  })
  return {
    init: first(['nvmlInit_v2', 'nvmlInit'], []),
    shutdown: first(['nvmlShutdown'], []),
    errorString: bind('nvmlErrorString', 'str', ['int']),
    driverVersion: first(['nvmlSystemGetDriverVersion'], ['void *', 'uint']),
    nvmlVersion: first(['nvmlSystemGetNVMLVersion'], ['void *', 'uint']),
    deviceCount: first(['nvmlDeviceGetCount_v2', 'nvmlDeviceGetCount'], ['void *']),
    deviceByIndex: first(['nvmlDeviceGetHandleByIndex_v2', 'nvmlDeviceGetHandleByIndex'], ['uint', 'void *']),
    deviceUuid: first(['nvmlDeviceGetUUID'], [device, 'void *', 'uint']),
    deviceName: first(['nvmlDeviceGetName'], [device, 'void *', 'uint']),
    deviceMemory: first(['nvmlDeviceGetMemoryInfo'], [device, 'void *']),
    computeProcesses: processes[0],
  }
}

/**
 * The three generations, newest first. An entry is `{unsigned pid; unsigned long long usedGpuMemory}`, and from the second
 * one on `{…; unsigned gpuInstanceId, computeInstanceId}`.
 */
const PROCESS_FUNCTIONS = [
  { name: 'nvmlDeviceGetComputeRunningProcesses_v3', entryBytes: 24 },
  { name: 'nvmlDeviceGetComputeRunningProcesses_v2', entryBytes: 24 },
  { name: 'nvmlDeviceGetComputeRunningProcesses', entryBytes: 16 },
] as const
