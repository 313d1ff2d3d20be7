import { randomBytes } from 'node:crypto'
import { type TaskId, taskId } from '../base/index.ts'

const TASK_ID_BITS = 53n

/** 53 random bits, because the contract's `task_id` is a JSON number: two of a million tasks meet once in 20,000 scopes. */
export function newTaskId(): TaskId {
  const value = BigInt.asUintN(Number(TASK_ID_BITS), randomBytes(8).readBigUInt64BE())
  return taskId(String(value === 0n ? 1n : value))
}

/** Chosen once per task and kept over every new attempt. */
export function newIdempotencyKey(): string {
  return randomBytes(16).toString('hex')
}
