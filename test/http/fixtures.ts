import { bootMs, type Clock, type LogFields, type Logger, unixMs } from '../../src/base/index.ts'

export class TestClock implements Clock {
  bootMs = 1000
  now() {
    return bootMs(this.bootMs)
  }
  wall() {
    return unixMs(0)
  }
}

/** Keeps every line as the text that a log file would hold. */
export class LogCapture implements Logger {
  readonly lines: string[] = []
  readonly debug = (fields: LogFields, message: string) => this.keep('debug', fields, message)
  readonly info = (fields: LogFields, message: string) => this.keep('info', fields, message)
  readonly warn = (fields: LogFields, message: string) => this.keep('warn', fields, message)
  readonly error = (fields: LogFields, message: string) => this.keep('error', fields, message)
  child(): Logger {
    return this
  }

  private keep(level: string, fields: LogFields, message: string): void {
    const plain = Object.entries(fields).map(([key, value]) => [
      key,
      value instanceof Error ? value.stack : value,
    ])
    this.lines.push(JSON.stringify({ level, message, ...Object.fromEntries(plain) }))
  }
}

/** A request that the schema accepts; whether it proves anything is not the façade's business. */
export const ENROL_BODY = {
  version: 1,
  inviteId: 'abcdefghijklmnopqrstuvwxyz',
  scopeId: 'abcdefghijklmnopqrstuvwxyz',
  peerId: '12D3KooWAHoEkEqnKzM5PXFygh2movVBCSX3k8tDsT2cneU68Gyt',
  nodeId: 'laptop',
  nonce: `${'N'.repeat(42)}A`,
  addresses: [],
  proof: `${'P'.repeat(42)}A`,
  keyProof: `${'K'.repeat(85)}A`,
}

export const ANSWER = {
  version: 1 as const,
  rootPublicKey: new Uint8Array(32),
  sealed: new Uint8Array([1, 2, 3]),
}
