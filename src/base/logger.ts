/**
 * The log as every room sees it: a line has fields for programs and a message for people. `telemetry/` writes the
 * lines and takes out what is named like a secret; a room is handed a `Logger` and knows no more of it.
 */
export type LogFields = Readonly<Record<string, unknown>>

export interface Logger {
  debug(fields: LogFields, message: string): void
  info(fields: LogFields, message: string): void
  warn(fields: LogFields, message: string): void
  error(fields: LogFields, message: string): void
  /** A logger that adds `fields` to each of its lines, e.g. `{ room: 'net' }`. */
  child(fields: LogFields): Logger
}

/** Says nothing: for tests, and for embedding programs that want no log. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
}
