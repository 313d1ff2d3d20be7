import { randomBytes } from 'node:crypto'
import { type TaskId, taskId } from '../base/index.ts'

const TASK_ID_BITS = 49

/** What names a task. Comes in from outside, because a simulation must be able to repeat it. */
export interface TaskIds {
  newTaskId(): TaskId
  /** Chosen once per task and kept over every new attempt. */
  newIdempotencyKey(): string
}

/** Names that nobody can guess. */
export const unpredictableTaskIds: TaskIds = {
  /** As many random bits as fit 15 digits: of a thousand unfinished tasks two have the same once in a billion meshes. */
  newTaskId() {
    const value = BigInt.asUintN(TASK_ID_BITS, randomBytes(8).readBigUInt64BE())
    return taskId(String(value === 0n ? 1n : value))
  },
  newIdempotencyKey: () => randomBytes(16).toString('hex'),
}
