/** What members send: messages, their bytes as encoded (payload), and an estimate of what that is on the wire. */
import { CARRIAGE_BYTES } from './message-sizes.ts'

export interface TrafficFigures {
  readonly messages: number
  readonly payloadBytes: number
  readonly gossipPayloadBytes: number
  readonly wireBytes: number
  /** Of the member that sent most. */
  readonly payloadBytesMax: number
}

export class Traffic {
  private readonly payload: Float64Array
  private messages = 0
  private gossipPayload = 0
  private wire = 0

  constructor(nodes: number) {
    this.payload = new Float64Array(nodes)
  }

  sentMessage(node: number, bytes: number): void {
    this.messages += 1
    this.payload[node] = (this.payload[node] as number) + bytes
    this.wire += bytes + CARRIAGE_BYTES
  }

  /** One copy of a gossip message, to one peer. */
  sentCopy(node: number, bytes: number, envelopeBytes: number): void {
    this.sentMessage(node, bytes)
    this.gossipPayload += bytes
    this.wire += envelopeBytes
  }

  /** Counts from here on. */
  reset(): void {
    this.payload.fill(0)
    this.messages = 0
    this.gossipPayload = 0
    this.wire = 0
  }

  figures(): TrafficFigures {
    return {
      messages: this.messages,
      payloadBytes: this.payload.reduce((sum, bytes) => sum + bytes, 0),
      gossipPayloadBytes: this.gossipPayload,
      wireBytes: this.wire,
      payloadBytesMax: this.payload.reduce((most, bytes) => Math.max(most, bytes), 0),
    }
  }
}
