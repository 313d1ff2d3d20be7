/**
 * The one registry of operating errors: what a user, a caller or a peer can be told. Each has a code that
 * programs match on, a sentence with `{placeholders}`, an HTTP status, an exit code of the CLI, and a hint that says what to do. A sentence
 * never carries a secret: callers pass field names and public ids only.
 */
import { ERRORS, type ErrorCode, type ErrorEntry } from './error-registry.ts'

export type { ErrorCode } from './error-registry.ts'

export type ErrorDetails = Readonly<Record<string, string | number | boolean>>

/** How an error crosses a process boundary (HTTP body, control socket, peer protocol). */
export interface ErrorShape {
  readonly code: ErrorCode
  readonly message: string
  readonly hint: string
}

export class CodedError extends Error {
  override readonly name = 'CodedError'
  readonly code: ErrorCode
  readonly details: ErrorDetails

  constructor(code: ErrorCode, details: ErrorDetails = {}, options?: { cause?: unknown }) {
    super(fill(ERRORS[code].sentence, details), options)
    this.code = code
    this.details = details
  }

  get httpStatus(): number {
    return ERRORS[this.code].httpStatus
  }

  get exitCode(): number {
    return ERRORS[this.code].exitCode
  }

  /** What the reader can do about it. */
  get hint(): string {
    return fill(ERRORS[this.code].hint, this.details)
  }

  toShape(): ErrorShape {
    return { code: this.code, message: this.message, hint: this.hint }
  }

  /** The error that another process described; an unknown code (a newer peer) becomes `peer.failed`. */
  static fromShape(shape: { code: string; message: string; hint?: string }): CodedError {
    if (!isErrorCode(shape.code))
      return new CodedError('peer.failed', { code: shape.code, reason: shape.message })
    return new ReceivedError(shape.code, shape.message, shape.hint)
  }
}

/** An error whose sentence was already written elsewhere. */
class ReceivedError extends CodedError {
  private readonly receivedHint: string | undefined

  constructor(code: ErrorCode, message: string, hint: string | undefined) {
    super(code)
    this.message = message
    this.receivedHint = hint
  }

  override get hint(): string {
    return this.receivedHint ?? super.hint
  }
}

export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code)
}

/** The registry as data: for the documentation and for the test that holds both together. */
export function errorEntries(): readonly (readonly [ErrorCode, ErrorEntry])[] {
  return Object.entries(ERRORS) as [ErrorCode, ErrorEntry][]
}

/** Any thrown value as a `CodedError`; what is not one becomes `internal` with the original as its cause. */
export function toCodedError(thrown: unknown): CodedError {
  if (thrown instanceof CodedError) return thrown
  const reason = thrown instanceof Error ? thrown.message : String(thrown)
  return new CodedError('internal', { reason }, { cause: thrown })
}

function fill(template: string, details: ErrorDetails): string {
  return template.replace(/\{(\w+)\}/g, (_, key: string) => String(details[key] ?? `(${key}?)`))
}
