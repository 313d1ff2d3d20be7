/** What a program that embeds the node writes: handlers, and what they are given. */
import type { ExecutionDeadline, ExecutionSpec } from '../execution.ts'

export interface FunctionContext {
  readonly taskId: string
  /**
   * Aborts when the call has to end: it was cancelled, its time is over, or its lease is, and then early enough to be quiet
   * before anybody else may begin. A handler in the node's own process that goes on regardless costs the process its
   * life when the lease ends (ADR 0014).
   */
  readonly signal: AbortSignal
  /**
   * The lease that the call runs under; rises with every grant. Give it along with writes to storage that others may
   * write to, and let that refuse a smaller one than it has seen. `undefined`: no lease, at the submitter itself.
   */
  readonly fencingToken: number | undefined
  /** W3C Trace Context of the task, for what the handler calls in turn. */
  readonly traceparent: string | undefined
  /** Adds a line to the output of the task. */
  readonly log: (line: string) => void
}

/**
 * Input and value are what JSON can say. That an input is what `Input` promises is the submitter's word: check it where that
 * is not enough. A call is over when the handler settles, so whatever it began must be over by then.
 */
export type FunctionHandler<Input = never, Value = unknown> = (
  input: Input,
  context: FunctionContext,
) => Value | Promise<Value>

/** One call. */
export interface FunctionSpec extends Pick<ExecutionSpec, 'executionId'> {
  readonly deadline: ExecutionDeadline
  readonly name: string
  readonly inputJson: string
  readonly taskId: string
  readonly fencingToken: number | undefined
  readonly traceparent: string | undefined
}
