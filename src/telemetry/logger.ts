import { type DestinationStream, type LoggerOptions, type Logger as Pino, pino } from 'pino'
import { LIMITS, type LogFields, type Logger } from '../base/index.ts'
import { redactedFields } from './redact.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

interface LoggerInit {
  /** The least level that is written. */
  readonly level: LogLevel
  /** Fields of every line: the node. A room adds itself with `child`. */
  readonly base: LogFields
  /** Where the lines go; standard error when absent, since standard output belongs to results. */
  readonly destination?: DestinationStream
}

/** A log of JSON lines: `time` (RFC 3339), `level`, the fields, `message`. Secrets are taken out by their names. */
export function createLogger({ level, base, destination }: LoggerInit): Logger {
  const options: LoggerOptions = {
    level,
    base: redactedFields(base),
    messageKey: 'message',
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }), log: redactedFields },
  }
  return destination === undefined ? logToStandardError(options) : new PinoLogger(pino(options, destination))
}

/**
 * Writes without waiting, because a terminal that is held with Ctrl-S must not hold the node. What such a reader
 * makes pile up beyond the limit is left out, and the next line that gets through says how much.
 */
function logToStandardError(options: LoggerOptions): Logger {
  const stream = pino.destination({ dest: 2, sync: false, maxLength: LIMITS.logBufferBytesMax })
  const logger = new PinoLogger(pino(options, stream))
  let lostLines = 0
  stream.on('drop', () => {
    lostLines += 1
  })
  stream.on('drain', () => {
    if (lostLines === 0) return
    const fields = { lostLines }
    lostLines = 0
    logger.warn(fields, 'log lines were lost: standard error was not read')
  })
  return logger
}

class PinoLogger implements Logger {
  private readonly pino: Pino

  constructor(pino: Pino) {
    this.pino = pino
  }

  debug(fields: LogFields, message: string): void {
    this.pino.debug(fields, message)
  }

  info(fields: LogFields, message: string): void {
    this.pino.info(fields, message)
  }

  warn(fields: LogFields, message: string): void {
    this.pino.warn(fields, message)
  }

  error(fields: LogFields, message: string): void {
    this.pino.error(fields, message)
  }

  child(fields: LogFields): Logger {
    return new PinoLogger(this.pino.child(redactedFields(fields)))
  }
}
