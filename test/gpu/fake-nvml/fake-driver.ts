/**
 * The fake driver of tests: a real shared object with NVML's symbols, built by the test run, and the scenario file that it follows.
 * The real path through FFI is what is tested. Where there is no C compiler, `compiler` says so and the tests that need it are
 * skipped: nothing is installed for them.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished, vi } from 'vitest'

const SOURCE = fileURLToPath(new URL('./fake-nvml.c', import.meta.url))

/** The first C compiler of this machine, or `undefined`. */
export const compiler = ['cc', 'gcc', 'clang'].find((name) => {
  try {
    execFileSync(name, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})

if (compiler === undefined)
  process.stderr.write('no C compiler: the tests through the fake GPU driver are skipped\n')

/** What an older library lacks, see `fake-nvml.c`. */
type Defect = 'WITHOUT_V3' | 'WITHOUT_V2' | 'WITHOUT_PROCESSES' | 'WITHOUT_MEMORY' | 'V3_ENTRY_BYTES=32'

const GiB = 1024 ** 3

export const DEVICES = [
  { uuid: 'GPU-11111111-aaaa', name: 'NVIDIA GeForce RTX 4090', totalBytes: 24 * GiB, usedBytes: GiB },
  { uuid: 'GPU-22222222-bbbb', name: 'NVIDIA A100', totalBytes: 80 * GiB, usedBytes: 2 * GiB },
] as const

export class FakeDriver {
  /** Path of the shared object. */
  readonly library: string
  /** What `FAKE_NVML_SCENARIO` must name in the process that loads it. */
  readonly scenario: string
  private readonly calls: string

  private constructor(folder: string, library: string) {
    this.library = library
    this.scenario = join(folder, 'scenario')
    this.calls = join(folder, 'calls')
    this.set([])
  }

  /** Built for one test, gone after it. The probes of this process follow its scenario. */
  static build(...defects: readonly Defect[]): FakeDriver {
    const folder = mkdtempSync(join(tmpdir(), 'populi-nvml-'))
    const driver = FakeDriver.buildIn(folder, ...defects)
    vi.stubEnv('FAKE_NVML_SCENARIO', driver.scenario)
    onTestFinished(() => {
      vi.unstubAllEnvs()
      rmSync(folder, { recursive: true, force: true })
    })
    return driver
  }

  static buildIn(folder: string, ...defects: readonly Defect[]): FakeDriver {
    const library = join(folder, 'libnvidia-ml.so.1')
    const flags = defects.map((defect) => `-D${defect}`)
    execFileSync(compiler ?? 'cc', [
      '-shared',
      '-fPIC',
      '-O1',
      '-Wall',
      '-Werror',
      ...flags,
      '-o',
      library,
      SOURCE,
    ])
    return new FakeDriver(folder, library)
  }

  /** The two devices, and `lines` about them. The next call of the driver sees it whole. */
  set(lines: readonly string[]): void {
    this.write([
      ...DEVICES.map(
        ({ uuid, name, totalBytes, usedBytes }) => `device ${uuid} ${totalBytes} ${usedBytes} ${name}`,
      ),
      ...lines,
    ])
  }

  /** A scenario of `lines` alone. */
  write(lines: readonly string[]): void {
    const next = `${this.scenario}.next`
    writeFileSync(next, ['driver 550.54.14', `calls ${this.calls}`, ...lines, ''].join('\n'))
    renameSync(next, this.scenario)
  }

  /** How often a function was called, by its name without `_v2`, `_v3`. */
  callsOf(name: string): number {
    try {
      return readFileSync(this.calls, 'utf8')
        .split('\n')
        .filter((call) => call === name).length
    } catch {
      return 0
    }
  }
}
