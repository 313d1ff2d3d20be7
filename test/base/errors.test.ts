import { describe, expect, test } from 'vitest'
import {
  assert,
  CodedError,
  errorEntries,
  InvariantError,
  isErrorCode,
  present,
  toCodedError,
  unreachable,
} from '../../src/base/index.ts'

describe('CodedError', () => {
  test('fills the sentence and the hint with its details', () => {
    const error = new CodedError('net.port_in_use', { address: '127.0.0.1:9846', flag: '--peer-port' })
    expect(error.message).toBe('127.0.0.1:9846 is in use by another program')
    expect(error.hint).toBe('stop it or give another port with --peer-port')
    expect(error.httpStatus).toBe(503)
    expect(error.exitCode).toBe(5)
  })

  test('a detail that contains a placeholder or a replacement pattern is shown as it is', () => {
    const error = new CodedError('input.invalid', { field: '{got}', got: '$& $1', accepts: 'x' })
    expect(error.message).toBe('{got} is "$& $1"')
  })

  test('a forgotten detail shows in the sentence instead of failing', () => {
    expect(new CodedError('internal').message).toBe('unexpected failure: (reason?)')
  })

  test('crosses a process boundary with code, sentence and hint', () => {
    const sent = new CodedError('task.no_such_node', { node: 'nas' })
    const received = CodedError.fromShape(JSON.parse(JSON.stringify(sent.toShape())))
    expect(received).toBeInstanceOf(CodedError)
    expect(received.toShape()).toEqual(sent.toShape())
    expect(received.exitCode).toBe(sent.exitCode)
  })

  test('a code that only a newer peer knows arrives as peer.failed with that code in it', () => {
    const received = CodedError.fromShape({ code: 'task.too_hot', message: 'the GPU melts' })
    expect(received.code).toBe('peer.failed')
    expect(received.message).toContain('task.too_hot')
    expect(received.message).toContain('the GPU melts')
  })

  test('a code named like a part of every object is not a code', () => {
    expect(isErrorCode('constructor')).toBe(false)
    expect(CodedError.fromShape({ code: '__proto__', message: 'm' }).code).toBe('peer.failed')
  })

  test('anything thrown becomes one, with the original as its cause', () => {
    const coded = new CodedError('node.stopping')
    expect(toCodedError(coded)).toBe(coded)
    const failure = new TypeError('x is not a function')
    expect(toCodedError(failure)).toMatchObject({ code: 'internal', cause: failure })
    expect(toCodedError('text').message).toBe('unexpected failure: text')
  })
})

describe('the registry', () => {
  test.each(errorEntries())(
    '%s has a status, an exit code, and a sentence and hint of lower-case prose',
    (code, entry) => {
      expect(code).toMatch(/^[a-z]+(\.[a-z_]+)?$/)
      expect(entry.httpStatus).toBeGreaterThanOrEqual(400)
      expect(entry.httpStatus).toBeLessThan(600)
      expect([1, 2, 3, 4, 5, 6]).toContain(entry.exitCode)
      for (const text of [entry.sentence, entry.hint]) {
        expect(text.length).toBeGreaterThan(5)
        expect(text).toMatch(/^[a-z{`]/)
        expect(text).not.toMatch(/\.$/)
      }
    },
  )
})

describe('invariants', () => {
  test('assert, present and unreachable stop on what cannot be', () => {
    expect(() => assert(false, 'two leaders')).toThrow(new InvariantError('two leaders'))
    expect(() => present(undefined, 'term')).toThrow(InvariantError)
    expect(() => present(null, 'term')).toThrow(InvariantError)
    expect(() => unreachable('x' as never)).toThrow(InvariantError)
  })

  test('assert and present let pass what holds, zero and empty text too', () => {
    expect(() => assert(true, 'fine')).not.toThrow()
    expect(present(0, 'term')).toBe(0)
    expect(present('', 'note')).toBe('')
  })

  test('a broken invariant is no operating error', () => {
    expect(new InvariantError('x')).not.toBeInstanceOf(CodedError)
  })
})
