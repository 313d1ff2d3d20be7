/** What a rejection of libp2p says. Some are Events or aggregates instead of Errors, and some carry no message. */
export function reasonOf(thrown: unknown): string {
  if (thrown instanceof AggregateError) return thrown.errors.map(reasonOf).join('; ') || thrown.message
  if (thrown instanceof Error) return thrown.message || thrown.name
  if (thrown instanceof Event) return 'error' in thrown ? reasonOf(thrown.error) : `event "${thrown.type}"`
  return String(thrown)
}
