/**
 * The driver as the node sees it: asked through the probe process, with a time limit, at no cost where there is none.
 *
 * Looks are shared: who asks while one is under way gets the next one, for a look that began before the question may not show
 * what the asker wants to know. So a thousand questions per second cost what one after another costs.
 *
 * A probe that does not answer in time is killed, and the next look starts another. While the kernel does not let it go (a process that waits within a driver cannot
 * be ended), no second one is started: the driver counts as silent, and at most one process hangs in it.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { LIMITS, type Logger } from '../base/index.ts'
import type { DriverLook } from './driver-look.ts'
import { ProbeProcess } from './probe-process.ts'

const DEFAULT_LIBRARY = 'libnvidia-ml.so.1'
const KERNEL_FOLDER = '/proc/driver/nvidia'
/** WSL: the driver is that of Windows, and only the device of its door is to be seen. */
const WSL_DOOR = '/dev/dxg'
/** What keeps a driver from being used changes with an installation or a reboot. */
const UNUSABLE_RETRY_MS = 30_000

interface DriverClientInit {
  /** Instead of the system's own. Then it is tried whether the kernel knows of a driver or not. */
  readonly library: string | undefined
  readonly logger: Logger
  /** Instead of the limit: a test does not wait so long. */
  readonly answerMsMax?: number
}

export class DriverClient {
  private readonly init: DriverClientInit
  private probe: ProbeProcess | undefined
  /** Killed, and not yet gone. */
  private hanging: Promise<void> | undefined
  private running: Promise<DriverLook> | undefined
  private next: Promise<DriverLook> | undefined
  private useless: { readonly look: DriverLook; readonly until: number } | undefined
  private stopped = false

  constructor(init: DriverClientInit) {
    this.init = init
  }

  /** Whether there is anything to ask. Costs two looks at file names, so that it can be asked each time. */
  get isThere(): boolean {
    if (this.stopped) return false
    if (this.useless !== undefined && performance.now() < this.useless.until) return false
    return (
      this.init.library !== undefined || existsSync(join(KERNEL_FOLDER, 'version')) || existsSync(WSL_DOOR)
    )
  }

  /** A look that begins after the call. Never rejects; answers within `gpuAnswerMsMax`, and whoever waits for its turn within twice that. */
  look(): Promise<DriverLook> {
    // One that has not begun comes first: two questions at once have one answer.
    if (this.next !== undefined) return this.next
    if (this.running === undefined) return this.begin()
    this.next = this.running.then(() => {
      this.next = undefined
      return this.begin()
    })
    return this.next
  }

  /** Ends the probe. Does not wait for one that hangs. */
  stop(): void {
    this.stopped = true
    this.probe?.kill()
    this.probe = undefined
  }

  private begin(): Promise<DriverLook> {
    this.running = this.ask().then((look) => {
      this.running = undefined
      return look
    })
    return this.running
  }

  private async ask(): Promise<DriverLook> {
    if (!this.isThere) return this.useless?.look ?? { state: 'absent', reason: 'no driver is loaded' }
    if (this.hanging !== undefined) return { state: 'silent', reason: 'a probe still hangs in the driver' }
    this.probe ??= this.startProbe()
    const { probe } = this
    const look = await probe.ask(this.init.answerMsMax ?? LIMITS.gpuAnswerMsMax)
    if (look.state === 'silent') this.abandon(probe)
    else if (look.state !== 'ready') this.putAside(probe, look)
    return look
  }

  private startProbe(): ProbeProcess {
    const library = this.init.library ?? DEFAULT_LIBRARY
    return new ProbeProcess({ library, kernelFolder: KERNEL_FOLDER }, this.init.logger)
  }

  private abandon(probe: ProbeProcess): void {
    this.probe = undefined
    probe.kill()
    this.hanging = probe.ended.then(() => {
      this.hanging = undefined
    })
  }

  /** Nothing to be had from it for a while: no process is kept for that. */
  private putAside(probe: ProbeProcess, look: DriverLook): void {
    this.probe = undefined
    probe.kill()
    this.useless = { look, until: performance.now() + UNUSABLE_RETRY_MS }
  }
}
