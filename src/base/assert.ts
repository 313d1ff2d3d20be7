/**
 * Invariants. An operating error (bad input, a peer that is away) is a `CodedError` and the node goes on; a
 * broken invariant means that the program's own reasoning is wrong, and going on could break a promise: it
 * throws `InvariantError`, which no layer catches except the one that stops the node.
 */
export class InvariantError extends Error {
  override readonly name = 'InvariantError'
}

/** @throws InvariantError with `message` when `condition` does not hold. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantError(message)
}

/** The value, which the surrounding code knows to exist. @throws InvariantError when it does not. */
export function present<Value>(value: Value | undefined | null, what: string): Value {
  if (value === undefined || value === null) throw new InvariantError(`missing: ${what}`)
  return value
}

/** For the `default` of an exhaustive switch: the compiler refuses a forgotten case, and so does the process. */
export function unreachable(value: never): never {
  throw new InvariantError(`unreachable: ${JSON.stringify(value)}`)
}
