import { afterEach, describe, expect, it } from 'vitest'
import { CodedError, LIMITS } from '../../src/base/index.ts'
import type { EnrolHandler } from '../../src/http/index.ts'
import { createServer } from '../../src/http/server.ts'
import { ANSWER, ENROL_BODY, LogCapture, TestClock } from './fixtures.ts'

const ENROL = '/v1/populi/enrol'
const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()))
})

async function start(enrol: EnrolHandler = async () => ANSWER) {
  const logger = new LogCapture()
  const clock = new TestClock()
  const server = await createServer({ enrol, clock, logger })
  closers.push(() => server.close())
  const post = (body: unknown, from = '192.168.1.9') =>
    server.inject({
      method: 'POST',
      url: ENROL,
      remoteAddress: from,
      headers: { 'content-type': 'application/json' },
      payload: typeof body === 'string' ? body : JSON.stringify(body),
    })
  return { server, post, logger, clock }
}

const refuse = (code: ConstructorParameters<typeof CodedError>[0]): EnrolHandler => {
  return async () => {
    throw new CodedError(code)
  }
}

describe('façade: what the older contract says', () => {
  it('GET /health answers "ok" and a line break', async () => {
    const { server } = await start()
    const answer = await server.inject({ method: 'GET', url: '/health' })
    expect([answer.statusCode, answer.body]).toEqual([200, 'ok\n'])
    expect(answer.headers['content-type']).toBe('text/plain; charset=utf-8')
    const head = await server.inject({ method: 'HEAD', url: '/health?x=1' })
    expect([head.statusCode, head.body]).toEqual([200, ''])
  })

  it.each([
    '/',
    '/health/',
    '/Health',
    '/v1/mens/nodes',
    '/v1/populi/enrol/',
    '/%zz',
    '/%00',
    '//',
    '/health%2f',
  ])('%s is unknown: 404 and nothing else', async (url) => {
    const { server } = await start()
    for (const method of ['GET', 'POST', 'OPTIONS'] as const) {
      const answer = await server.inject({ method, url })
      expect([answer.statusCode, answer.body]).toEqual([404, ''])
      expect(answer.headers['content-type']).toBeUndefined()
      expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/)
    }
  })

  it('a wrong method is 405 with Allow and nothing else', async () => {
    const { server } = await start()
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'] as const) {
      const answer = await server.inject({ method, url: '/health?x', payload: 'x' })
      expect([answer.statusCode, answer.body, answer.headers['allow']]).toEqual([405, '', 'GET,HEAD'])
    }
    const answer = await server.inject({ method: 'GET', url: ENROL })
    expect([answer.statusCode, answer.body, answer.headers['allow']]).toEqual([405, '', 'POST'])
  })

  it('every answer carries the request id of the caller, or one of ours', async () => {
    const { server, post } = await start()
    const given = { 'x-request-id': 'caller-7' }
    expect((await server.inject({ url: '/health', headers: given })).headers['x-request-id']).toBe('caller-7')
    expect((await server.inject({ url: '/nowhere', headers: given })).headers['x-request-id']).toBe(
      'caller-7',
    )
    expect((await post('{')).headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/)
    for (const bad of ['', 'x'.repeat(300), 'ü\u0001']) {
      const answer = await server.inject({ url: '/health', headers: { 'x-request-id': bad } })
      expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/)
    }
  })
})

describe('façade: enrolment', () => {
  it('hands the request over as bytes, with the address, and the answer back as JSON', async () => {
    const seen: unknown[] = []
    const { post } = await start(async (request, remoteAddress) => {
      seen.push(request.nonce, request.nodeId, remoteAddress)
      return ANSWER
    })
    const answer = await post(ENROL_BODY)
    expect(answer.statusCode).toBe(200)
    expect(answer.headers['content-type']).toBe('application/json')
    expect(answer.json()).toEqual({ version: 1, rootPublicKey: 'A'.repeat(43), sealed: 'AQID' })
    expect(seen).toEqual([
      new Uint8Array(Buffer.from(ENROL_BODY.nonce, 'base64url')),
      'laptop',
      '192.168.1.9',
    ])
  })

  it.each([
    ['no JSON', '{"version":1', 400, 'wire.malformed'],
    ['nothing', '', 400, 'wire.malformed'],
    ['a list', '[]', 400, 'wire.malformed'],
    ['null', 'null', 400, 'wire.malformed'],
    ['a prototype', '{"__proto__":{"version":1}}', 400, 'wire.malformed'],
    ['deep nesting', `${'['.repeat(8000)}`, 400, 'wire.malformed'],
    ['another version', { ...ENROL_BODY, version: 2 }, 400, 'wire.malformed'],
    ['a field too few', { ...ENROL_BODY, proof: undefined }, 400, 'wire.malformed'],
    ['a body above the limit', 'x'.repeat(LIMITS.enrolRequestBytesMax + 1), 413, 'limit.exceeded'],
  ])('a body that is %s is refused with a code and no trace', async (_, body, status, code) => {
    const { post } = await start(async () => {
      throw new Error('must not be called')
    })
    const answer = await post(body)
    expect([answer.statusCode, answer.json().error.code]).toEqual([status, code])
    expect(Object.keys(answer.json().error)).toEqual(['code', 'message', 'hint'])
    expect(answer.body).not.toMatch(/\bat .*:\d+|node_modules|SyntaxError/)
    expect(answer.body.length).toBeLessThan(400)
  })

  it('a body of another type is refused', async () => {
    const { server } = await start()
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
    ]) {
      const answer = await server.inject({
        method: 'POST',
        url: ENROL,
        headers: { 'content-type': type },
        payload: JSON.stringify(ENROL_BODY),
      })
      expect([answer.statusCode, answer.json().error.code]).toEqual([415, 'http.content_type'])
    }
  })

  it.each([
    ['enrol.invite_unknown', 404],
    ['enrol.invite_used', 410],
    ['enrol.wrong_proof', 401],
    ['authority.no_leader', 503],
  ] as const)('a refusal with %s reaches the caller with its status and hint', async (code, status) => {
    const { post } = await start(refuse(code))
    const answer = await post(ENROL_BODY)
    expect([answer.statusCode, answer.json()]).toEqual([status, { error: new CodedError(code).toShape() }])
  })

  it('a defect is told to the log, not to the caller', async () => {
    const { post, logger } = await start(async () => {
      throw new TypeError('inner detail')
    })
    const answer = await post(ENROL_BODY)
    expect([answer.statusCode, answer.json().error.code]).toEqual([500, 'internal'])
    expect(answer.body).not.toContain('inner detail')
    expect(logger.lines.join()).toContain('inner detail')
  })

  it('from one address comes so often and no more often, and health stays open', async () => {
    const { post, server } = await start()
    for (let count = 0; count < LIMITS.enrolPerMinuteMax; count += 1) {
      expect((await post(ENROL_BODY)).statusCode).toBe(200)
    }
    const limited = await post(ENROL_BODY)
    expect([limited.statusCode, limited.json().error.code]).toEqual([429, 'enrol.rate_limited'])
    expect(Number(limited.headers['retry-after'])).toBeGreaterThan(0)
    expect((await post(ENROL_BODY, '192.168.1.10')).statusCode).toBe(200)
    const health = await server.inject({ url: '/health', remoteAddress: '192.168.1.9' })
    expect(health.statusCode).toBe(200)
  })

  it('addresses of one IPv6 network are one address', async () => {
    const { post } = await start()
    for (let count = 0; count < LIMITS.enrolPerMinuteMax; count += 1) {
      await post(ENROL_BODY, `2001:db8:1:2::${count + 1}`)
    }
    expect((await post(ENROL_BODY, '2001:db8:1:2:ffff::1')).statusCode).toBe(429)
    expect((await post(ENROL_BODY, '2001:db8:1:3::1')).statusCode).toBe(200)
  })

  it('wrong proofs close an invite to that address for a while, and to no other', async () => {
    let right = false
    const { post, clock, logger } = await start(async () => {
      if (right) return ANSWER
      throw new CodedError('enrol.wrong_proof')
    })
    for (let count = 0; count < LIMITS.enrolWrongProofsMax; count += 1) {
      expect((await post(ENROL_BODY)).statusCode).toBe(401)
    }
    right = true
    expect((await post(ENROL_BODY)).json().error.code).toBe('enrol.rate_limited')
    expect(logger.lines.join()).toContain('too many wrong proofs')
    expect((await post({ ...ENROL_BODY, inviteId: 'b'.repeat(26) })).statusCode).toBe(200)
    expect((await post(ENROL_BODY, '192.168.1.10')).statusCode).toBe(200)
    clock.bootMs += LIMITS.enrolWrongProofWindowMs - 1
    expect((await post(ENROL_BODY)).statusCode).toBe(429)
    clock.bootMs += 1
    expect((await post(ENROL_BODY)).statusCode).toBe(200)
  })

  it('no proof, nonce or signature gets into the log or into an error', async () => {
    let failure: unknown = new CodedError('enrol.wrong_proof')
    const { post, logger } = await start(async () => {
      throw failure
    })
    const bodies = [(await post(ENROL_BODY)).body]
    failure = new TypeError('defect')
    bodies.push((await post(ENROL_BODY)).body)
    bodies.push((await post({ ...ENROL_BODY, nodeId: 'BAD' })).body)
    bodies.push((await post({ ...ENROL_BODY, proof: `${ENROL_BODY.proof}=` })).body)
    bodies.push((await post(`${JSON.stringify(ENROL_BODY)}}`)).body)
    const told = [...logger.lines, ...bodies].join('\n')
    expect(told).toContain('enrol.wrong_proof')
    expect(told).toContain('http request')
    for (const part of ['PPPP', 'NNNN', 'KKKK']) expect(told).not.toContain(part)
  })
})
