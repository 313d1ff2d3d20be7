/**
 * Whether the devices are quiet, too (design §7). After its processes are gone, the driver may still work for an execution: on a
 * device that hangs, it lists a process and its memory long after the kernel has forgotten it. So at the end of an execution
 * the driver is asked until it lists none of its processes, as long as there is time. If it does not come to that, the end is not
 * quiet, the lease runs out by itself, and the device is withheld, with the reason shown, until the driver says otherwise.
 *
 * One proof costs one look, a few milliseconds, and nothing on a machine without a driver. A driver that was found silent is not waited
 * for again by every end: they are unproven at once, until it answers.
 *
 * Not proven here: memory that the driver charges to no process, and processes behind NVIDIA's MPS, which it lists under the name of
 * the MPS server. Nor anything within a pid namespace of its own, where the driver's pids are not ours.
 */
import { type BootMs, type Clock, LIMITS, type Logger, type NodeId } from '../base/index.ts'
import type { ProcessIdentity } from '../exec/index.ts'
import type { DriverLook } from '../gpu/index.ts'
import type { MetaStore } from '../store/index.ts'
import { type Finding, findingsOf, isUnproven, uuidOf } from './device-findings.ts'
import type { EventSink } from './node-events.ts'
import type { Cancel, Scheduler } from './ports.ts'
import { EVERY_DEVICE, type WithheldDevice, WithheldDevices } from './withheld-devices.ts'

/** The driver of this machine, or what a test puts in its place. */
export interface DeviceDriver {
  /** Cheap: asked at the end of each execution. */
  readonly isThere: boolean
  /** Never rejects. A look that began after the call. */
  look(): Promise<DriverLook>
  stop(): void
}

interface DeviceWatchInit {
  readonly driver: DeviceDriver
  readonly clock: Clock
  readonly scheduler: Scheduler
  readonly logger: Logger
  readonly meta: MetaStore
  readonly events: EventSink
  readonly self: NodeId
  /** Start of the process that has this pid now. */
  readonly livesAs: (pid: number) => number | undefined
  /** A store that failed. */
  readonly failed: (thrown: unknown) => void
}

/** Between two looks at a device that is not quiet: short at first, for most drivers need a moment. */
const FIRST_PAUSE_MS = 5
const PAUSE_MS_MAX = 100
/** For one look at least, however late the end came. */
const PROOF_MS_MIN = 100
/** While something is withheld, and while the driver is silent. */
const LOOK_AGAIN_MS = 5000

export class DeviceWatch {
  private readonly init: DeviceWatchInit
  private readonly held: WithheldDevices
  /** Of the last look that showed any. */
  private known: readonly string[] = []
  private lastState = ''
  private nextLook: Cancel | undefined
  private stopped = false

  constructor(init: DeviceWatchInit) {
    this.init = init
    this.held = new WithheldDevices({ ...init, wall: () => init.clock.wall() })
  }

  /** Opens the driver, so that the first proof need not wait for that; goes on with what an earlier life withheld. */
  start(): void {
    if (this.init.driver.isThere || this.held.list().length > 0) void this.lookAgain()
  }

  stop(): void {
    this.stopped = true
    this.nextLook?.()
    this.init.driver.stop()
  }

  withheld(): readonly WithheldDevice[] {
    return this.held.list()
  }

  /**
   * Never rejects.
   *
   * @param processes of one execution, all ended.
   * @param by what is not proven by then is not quiet; `undefined`: nothing but `gpuQuietMsMax` limits it.
   * @returns whether the driver lists none of them, or there is none to ask.
   */
  async prove(processes: readonly ProcessIdentity[], by: BootMs | undefined): Promise<boolean> {
    const { clock, driver } = this.init
    if (processes.length === 0 || !driver.isThere) return true
    const begin = clock.now()
    const end = Math.max(
      begin + PROOF_MS_MIN,
      Math.min(by ?? Number.POSITIVE_INFINITY, begin + LIMITS.gpuQuietMsMax),
    )
    let seen: readonly Finding[] | undefined
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, PAUSE_MS_MAX)) {
      const look = this.isSilent ? undefined : await this.lookUntil(end)
      if (this.stopped) return false
      if (look === undefined || look.state === 'silent') return this.unproven(seen, processes)
      if (look.state !== 'ready') return true
      seen = findingsOf(look, processes, this.init.livesAs)
      const isQuiet = !seen.some(isUnproven)
      if (isQuiet || clock.now() + pauseMs >= end) {
        this.withhold(seen, processes)
        return isQuiet
      }
      await new Promise<void>((resolve) => this.init.scheduler.after(pauseMs, resolve))
    }
  }

  private get isSilent(): boolean {
    return this.lastState === 'silent'
  }

  /** `undefined`: no answer by then. */
  private lookUntil(end: number): Promise<DriverLook | undefined> {
    return new Promise((resolve) => {
      const cancel = this.init.scheduler.after(Math.max(0, end - this.init.clock.now()), () =>
        resolve(undefined),
      )
      void this.look().then((look) => {
        cancel()
        resolve(look)
      })
    })
  }

  private async look(): Promise<DriverLook> {
    const look = await this.init.driver.look()
    if (look.state === 'ready' && look.devices.length > 0) this.known = look.devices.map(uuidOf)
    if (look.state !== this.lastState) this.report(look)
    this.lastState = look.state
    if (look.state === 'silent') this.arm()
    return look
  }

  private report(look: DriverLook): void {
    const { logger } = this.init
    if (look.state === 'ready')
      logger.info({ driver: look.driverVersion, devices: this.known }, 'the GPU driver answers')
    else if (look.state === 'absent') logger.debug({ reason: look.reason }, 'no GPU driver')
    else logger.warn({ state: look.state, reason: look.reason }, 'the GPU driver cannot be asked')
  }

  /** What the execution used, nobody can say: every device that there was. */
  private silence(): readonly Finding[] {
    const devices = this.known.length > 0 ? this.known : [EVERY_DEVICE]
    return devices.map((uuid) => ({ uuid, reason: 'gpu_driver_silent', detail: 'no answer' }))
  }

  /** No answer any more: what the last one showed counts, or that there was none. */
  private unproven(seen: readonly Finding[] | undefined, processes: readonly ProcessIdentity[]): false {
    this.withhold(seen ?? this.silence(), processes)
    return false
  }

  private withhold(findings: readonly Finding[], processes: readonly ProcessIdentity[]): void {
    for (const finding of findings) this.held.withhold(finding, processes)
    if (findings.length > 0) this.arm()
  }

  private arm(): void {
    if (this.stopped) return
    this.nextLook ??= this.init.scheduler.after(LOOK_AGAIN_MS, () => {
      this.nextLook = undefined
      void this.lookAgain()
    })
  }

  private async lookAgain(): Promise<void> {
    const look = await this.look()
    if (this.stopped) return
    if (look.state === 'absent') for (const { uuid } of this.held.list()) this.held.release(uuid)
    if (look.state === 'ready') for (const device of this.held.list()) this.judgeAgain(device, look)
    if (this.isSilent || this.held.list().length > 0) this.arm()
  }

  /** A device that was unplugged is listed no more, and with it goes what held it. */
  private judgeAgain(device: WithheldDevice, look: Extract<DriverLook, { state: 'ready' }>): void {
    const findings = findingsOf(look, device.processes, this.init.livesAs)
    const about = findings.filter(({ uuid }) => device.uuid === uuid || device.uuid === EVERY_DEVICE)
    for (const finding of about) this.held.withhold(finding, device.processes)
    if (!about.some(({ uuid }) => uuid === device.uuid)) this.held.release(device.uuid)
  }
}
