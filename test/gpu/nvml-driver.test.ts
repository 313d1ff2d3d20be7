/** The library through FFI, in this process: what each generation of driver says, and what a sick one does not. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { LIMITS } from '../../src/base/index.ts'
import type { DriverLook } from '../../src/gpu/index.ts'
import { NvmlDriver } from '../../src/gpu/nvml-driver.ts'
import { compiler, DEVICES, FakeDriver } from './fake-nvml/fake-driver.ts'

type Ready = Extract<DriverLook, { state: 'ready' }>

/** One look, with a new opening of the library. */
function lookAt(fake: FakeDriver): DriverLook {
  return new NvmlDriver({ library: fake.library, kernelFolder: '/nowhere' }).look()
}

function ready(look: DriverLook): Ready {
  expect(look).toMatchObject({ state: 'ready' })
  return look as Ready
}

const TWO = ['process 0 4242 1073741824', 'process 0 4243 2147483648', 'process 1 4244 18446744073709551615']
const SEEN = [
  {
    value: [
      { pid: 4242, usedBytes: 2 ** 30 },
      { pid: 4243, usedBytes: 2 ** 31 },
    ],
  },
  // The driver keeps no account of the third one's memory.
  { value: [{ pid: 4244 }] },
]

describe.skipIf(compiler === undefined)('a driver library of the machine', () => {
  it('tells versions, devices, memory and compute processes', () => {
    const fake = FakeDriver.build()
    fake.set(TWO)
    expect(lookAt(fake)).toEqual({
      state: 'ready',
      driverVersion: { value: '550.54.14' },
      nvmlVersion: { value: '12.550.54.14' },
      devices: DEVICES.map(({ uuid, name, totalBytes, usedBytes }, index) => ({
        index,
        uuid: { value: uuid },
        name: { value: name },
        memory: { value: { totalBytes, usedBytes } },
        processes: SEEN[index],
      })),
    })
  })

  it.each([
    ['without _v3', ['WITHOUT_V3']],
    ['without _v2 and _v3', ['WITHOUT_V2', 'WITHOUT_V3']],
    ['whose _v3 writes entries of 32 bytes', ['V3_ENTRY_BYTES=32']],
  ] as const)('%s lists the same processes', (_what, defects) => {
    const fake = FakeDriver.build(...defects)
    fake.set(TWO)
    expect(ready(lookAt(fake)).devices.map(({ processes }) => processes)).toEqual(SEEN)
  })

  it('without two functions: these facts are missing with their reason, and the others are there', () => {
    const [device] = ready(
      lookAt(FakeDriver.build('WITHOUT_PROCESSES', 'WITHOUT_V2', 'WITHOUT_V3', 'WITHOUT_MEMORY')),
    ).devices
    const reason = expect.stringContaining('Function Not Found (13)')
    expect(device).toMatchObject({
      uuid: { value: DEVICES[0].uuid },
      processes: { missing: 'unsupported', reason },
      memory: { missing: 'unsupported', reason },
    })
  })

  it('with more processes on a device than there is room for: the list is missing, not cut', () => {
    const fake = FakeDriver.build()
    fake.set(Array.from({ length: LIMITS.gpuProcessesMax + 1 }, (_, at) => `process 0 ${5000 + at} 1`))
    const [first, second] = ready(lookAt(fake)).devices
    expect(first?.processes).toMatchObject({ missing: 'failed' })
    expect(second?.processes).toEqual({ value: [] })
  })

  it('with as many as there is room for: all are listed', () => {
    const fake = FakeDriver.build('V3_ENTRY_BYTES=32')
    fake.set(Array.from({ length: LIMITS.gpuProcessesMax }, (_, at) => `process 0 ${5000 + at} ${at}`))
    const processes = ready(lookAt(fake)).devices[0]?.processes
    expect(processes).toEqual({
      value: Array.from({ length: LIMITS.gpuProcessesMax }, (_, at) => ({ pid: 5000 + at, usedBytes: at })),
    })
  })

  it.each([
    [15, 'lost'],
    [999, 'failed'],
    [3, 'unsupported'],
  ])('with a device that answers %i: the fact is %s, and the other device is whole', (code, missing) => {
    const fake = FakeDriver.build()
    fake.set([`fail nvmlDeviceGetComputeRunningProcesses ${code} 0`])
    const [sick, healthy] = ready(lookAt(fake)).devices
    expect(sick).toMatchObject({ uuid: { value: DEVICES[0].uuid }, processes: { missing } })
    expect(healthy?.processes).toEqual({ value: [] })
  })

  it('with a device that fell off its bus: it is lost as a whole, and looked for again when it is back', () => {
    const fake = FakeDriver.build()
    fake.set(['fail nvmlDeviceGetHandleByIndex 15 1'])
    const driver = new NvmlDriver({ library: fake.library, kernelFolder: '/nowhere' })
    const { devices } = ready(driver.look())
    expect(devices[1]).toMatchObject({ uuid: { missing: 'lost' }, processes: { missing: 'lost' } })
    fake.set([])
    expect(ready(driver.look()).devices[1]).toMatchObject({ uuid: { value: DEVICES[1].uuid } })
    expect(fake.callsOf('nvmlInit')).toBe(2)
  })

  it('that refuses: unusable, with what it says', () => {
    const fake = FakeDriver.build()
    fake.set(['fail nvmlInit 18'])
    const reason = 'nvmlInit: Driver/library version mismatch (18)'
    expect(lookAt(fake)).toEqual({ state: 'unusable', reason })
  })

  it('is opened once for many looks, and anew when the kernel lists another device', () => {
    const fake = FakeDriver.build()
    const kernelFolder = mkdtempSync(join(tmpdir(), 'populi-kernel-'))
    onTestFinished(() => rmSync(kernelFolder, { recursive: true }))
    mkdirSync(join(kernelFolder, 'gpus', '0000:01:00.0'), { recursive: true })
    const driver = new NvmlDriver({ library: fake.library, kernelFolder })
    const [first] = DEVICES
    fake.write([`device ${first.uuid} 100 1 ${first.name}`])
    for (let looks = 0; looks < 3; looks++) expect(ready(driver.look()).devices).toHaveLength(1)
    expect(fake.callsOf('nvmlInit')).toBe(1)
    fake.set([])
    mkdirSync(join(kernelFolder, 'gpus', '0000:02:00.0'))
    expect(ready(driver.look()).devices).toHaveLength(2)
    expect([fake.callsOf('nvmlInit'), fake.callsOf('nvmlShutdown')]).toEqual([2, 1])
  })
})

describe('a machine without the library', () => {
  it('has no driver: an answer like any other', () => {
    const driver = new NvmlDriver({ library: 'libnvidia-ml-of-nobody.so.1', kernelFolder: '/nowhere' })
    expect(driver.look()).toMatchObject({
      state: 'absent',
      reason: expect.stringContaining('libnvidia-ml-of-nobody.so.1'),
    })
  })
})
