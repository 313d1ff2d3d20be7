import { CodedError } from '../../base/index.ts'

/**
 * Tries the URLs of an invite in their order; the first success ends it. No failure of one URL ends it, not
 * even a refusal: what answers there is not proved to be the mesh (an address may long belong to another machine).
 *
 * When all fail, the caller gets the error that helps most: a refusal says what to do, "try again later" is
 * next, and that some address did not answer matters only when none did.
 *
 * @throws CodedError `operation.cancelled`, or as above; `enrol.unreachable` when nobody answered.
 */
export async function tryEachUrl<Result>(
  urls: readonly string[],
  attempt: (url: string) => Promise<Result>,
  signal: AbortSignal | undefined,
): Promise<Result> {
  const failures: CodedError[] = []
  for (const url of urls) {
    try {
      return await attempt(url)
    } catch (cause) {
      if (!(cause instanceof CodedError) || signal?.aborted === true) throw cause
      failures.push(cause)
    }
  }
  const told = failures.find(isRefusal) ?? failures.find((failure) => failure.code !== 'enrol.unreachable')
  if (told !== undefined) throw told
  throw new CodedError('enrol.unreachable', {
    reason: failures.map((failure) => failure.details.reason ?? failure.message).join('; '),
    urls: urls.join(', '),
  })
}

/** Exit code 4 of the registry: refused, and asking again changes nothing. */
const isRefusal = (failure: CodedError): boolean => failure.exitCode === 4
