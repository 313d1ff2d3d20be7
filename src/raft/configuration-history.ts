import { type LogIndex, type PeerId, present } from '../base/index.ts'
import { type Configuration, isVoter, members } from './configuration.ts'

interface Placed {
  readonly index: LogIndex
  readonly configuration: Configuration
}

/**
 * Every configuration of the log, from the one at its base on: the last of them counts, and those before it are needed when
 * its entry is replaced, or when the log is cut, or a snapshot made, at an index before it.
 */
export class ConfigurationHistory {
  private list: Placed[]
  /** Position of the last one that is known to be committed. */
  private committed = 0

  /** @param base the configuration at the base of the log, which is committed. */
  constructor(index: LogIndex, base: Configuration) {
    this.list = [{ index, configuration: base }]
  }

  /** The one in effect. */
  get current(): Configuration {
    return this.newest.configuration
  }

  /** Where it lies in the log, or the base of the log if it lies before that; 0 if there is none. */
  get currentIndex(): LogIndex {
    return this.newest.index
  }

  /** The one in effect where the log ends with `index`, which is not before its base. */
  at(index: LogIndex): Configuration {
    return present(
      this.list.findLast((placed) => placed.index <= index),
      `configuration at ${index}`,
    ).configuration
  }

  /** A configuration entry was appended to the log. */
  append(index: LogIndex, configuration: Configuration): void {
    this.list.push({ index, configuration })
  }

  /** The log is replaced from `index` on, which is not committed. */
  dropFrom(index: LogIndex): void {
    while (this.list.length > this.committed + 1 && this.newest.index >= index) this.list.pop()
  }

  /** Everything up to `index` is committed. Returns whether a configuration is among what is newly committed. */
  commitTo(index: LogIndex): boolean {
    const before = this.committed
    while ((this.list[this.committed + 1]?.index ?? Number.POSITIVE_INFINITY) <= index) this.committed++
    return this.committed > before
  }

  /** The log begins at `index` from now on, which is committed. */
  compactTo(index: LogIndex): void {
    const first = this.list.findLastIndex((placed) => placed.index <= index)
    this.list = this.list.slice(first)
    this.committed -= first
  }

  /** A snapshot takes the place of the whole log. */
  reset(index: LogIndex, configuration: Configuration): void {
    this.list = [{ index, configuration }]
    this.committed = 0
  }

  /**
   * Whether this server should campaign: while a configuration without it is not committed, it may be the only one
   * that has it (thesis §4.2.2). Its vote counts only where the newest one names it.
   */
  mayCampaign(self: PeerId): boolean {
    return this.live.some((placed) => isVoter(placed.configuration, self))
  }

  /** Everybody who should get the log: also who leaves, until the entry that says so is committed. */
  everybody(): ReadonlySet<PeerId> {
    return new Set(this.live.flatMap((placed) => [...members(placed.configuration)]))
  }

  /** The last committed one and those after it. */
  private get live(): readonly Placed[] {
    return this.list.slice(this.committed)
  }

  private get newest(): Placed {
    return present(this.list.at(-1), 'a configuration')
  }
}
