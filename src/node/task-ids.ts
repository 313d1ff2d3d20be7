import { randomBytes } from 'node:crypto'
import { type TaskId, taskId } from '../base/index.ts'

const TASK_ID_BITS = 49

/** As many random bits as fit 15 digits: of a thousand unfinished tasks two have the same once in a billion meshes. */
export function newTaskId(): TaskId {
  const value = BigInt.asUintN(TASK_ID_BITS, randomBytes(8).readBigUInt64BE())
  return taskId(String(value === 0n ? 1n : value))
}

/** Chosen once per task and kept over every new attempt. */
export function newIdempotencyKey(): string {
  return randomBytes(16).toString('hex')
}
