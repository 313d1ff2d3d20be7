import { unixMs } from '../../src/base/index.ts'
import {
  decodeOfferRecord,
  encodeOfferRecord,
  OfferedTask,
  type OfferRecord,
  offerFromEnvelope,
  type WorkerEffect,
  type WorkerEvent,
} from '../../src/task/index.ts'
import { envelope, HOME, L1, names } from './support.ts'

type Envelope = ReturnType<typeof envelope>

/** An offered task with a clock that moves by a millisecond per event. */
export class WorkerScript {
  readonly task: OfferedTask
  private clock = 1000

  constructor(record: OfferRecord) {
    this.task = new OfferedTask(record, () => 1)
  }

  get record(): OfferRecord {
    return this.task.record
  }

  get state(): string {
    return this.record.state
  }

  do(event: WorkerEvent): readonly WorkerEffect[] {
    return this.task.handle(event, unixMs(++this.clock))
  }

  /** Names of the effects, for tests that are about order. */
  names(event: WorkerEvent): readonly string[] {
    return names(this.do(event))
  }

  pass(ms: number): void {
    this.clock += ms
  }

  /** As it comes back from the disk. */
  restart(): WorkerScript {
    return new WorkerScript(decodeOfferRecord(encodeOfferRecord(this.record)))
  }
}

export function offer(fields: Partial<Envelope> = {}): WorkerScript {
  return new WorkerScript(offerFromEnvelope({ ...envelope(L1), ...fields }, HOME))
}
