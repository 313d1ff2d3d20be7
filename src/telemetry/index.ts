/**
 * telemetry: what a node tells its owner about itself. Now the log (pino behind the `Logger` of base); metrics, traces
 * and the audit come here too.
 */
export { createLogger, type LogLevel } from './logger.ts'
