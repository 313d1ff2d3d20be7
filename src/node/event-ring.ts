/** The newest events of one lane in memory, by position: 0 for the first that was ever pushed. Old ones make room. */
import { LIMITS, present } from '../base/index.ts'
import type { NodeEvent } from './node-events.ts'

export class EventRing {
  /** Position of the next event. */
  end = 0
  private readonly slots: NodeEvent[] = []

  /** Position of the oldest event that is still there; `end` when there is none. */
  get first(): number {
    return Math.max(0, this.end - LIMITS.eventsKept)
  }

  get newest(): NodeEvent | undefined {
    return this.end === 0 ? undefined : this.at(this.end - 1)
  }

  push(event: NodeEvent): void {
    this.slots[this.end % LIMITS.eventsKept] = event
    this.end += 1
  }

  /** @param position from `first` to before `end`. */
  at(position: number): NodeEvent {
    return present(this.slots[position % LIMITS.eventsKept], 'an event of the ring')
  }

  /** Those from `position` on, in order, at most `max`. */
  from(position: number, max: number): NodeEvent[] {
    const count = Math.min(max, this.end - position)
    return Array.from({ length: count }, (_, place) => this.at(position + place))
  }
}

/** A reader's place in several rings, which it reads as one in the order of `sequence`. Starts behind what is there. */
export class EventCursor {
  private readonly places: { readonly ring: EventRing; position: number }[]

  constructor(rings: readonly EventRing[]) {
    this.places = rings.map((ring) => ({ ring, position: ring.end }))
  }

  /** Events that were overwritten before this reader came to them, since this was asked last. */
  missed(): number {
    let count = 0
    for (const place of this.places) {
      const lost = Math.max(0, place.ring.first - place.position)
      place.position += lost
      count += lost
    }
    return count
  }

  /** Takes the next event. Ask for `missed` first: between the two calls nothing may be pushed. */
  next(): NodeEvent | undefined {
    let taken: { place: { position: number }; event: NodeEvent } | undefined
    for (const place of this.places) {
      if (place.position >= place.ring.end) continue
      const event = place.ring.at(place.position)
      if (taken === undefined || event.sequence < taken.event.sequence) taken = { place, event }
    }
    if (taken !== undefined) taken.place.position += 1
    return taken?.event
  }
}
