import { once } from 'node:events'
import { connect } from 'node:net'
import { networkInterfaces } from 'node:os'
import { afterEach, describe, expect, it } from 'vitest'
import { createFacade, type EnrolHandler, type Facade } from '../../src/http/index.ts'
import { urlsOf } from '../../src/http/listen-urls.ts'
import { ANSWER, ENROL_BODY, LogCapture, TestClock } from './fixtures.ts'

const LOOPBACK = { host: '127.0.0.1', port: 0 }
const facades: Facade[] = []
afterEach(async () => {
  await Promise.all(facades.splice(0).map((facade) => facade.close()))
})

function create(enrol: EnrolHandler = async () => ANSWER): Facade {
  const facade = createFacade({ enrol, clock: new TestClock(), logger: new LogCapture() })
  facades.push(facade)
  return facade
}

async function listening(enrol?: EnrolHandler) {
  const facade = create(enrol)
  await facade.listen(LOOPBACK)
  const url = facade.urls()[0] ?? ''
  return { facade, url, port: Number(new URL(url).port) }
}

const post = (url: string) =>
  fetch(`${url}/v1/populi/enrol`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(ENROL_BODY),
  })

/** What the server says to raw bytes before it closes the connection. */
async function converse(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  let heard = ''
  socket.on('data', (chunk) => {
    heard += chunk
  })
  socket.on('error', () => undefined)
  socket.write(bytes)
  await once(socket, 'close')
  return heard
}

describe('façade on a real port', () => {
  it('answers, says where it is, and is gone after close', async () => {
    const { facade, url } = await listening()
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    expect(await (await fetch(`${url}/health`)).text()).toBe('ok\n')
    expect((await post(url)).status).toBe(200)
    await facade.close()
    expect(facade.urls()).toEqual([])
    await expect(fetch(`${url}/health`)).rejects.toThrow()
  })

  it('a port in use names the address and the flag', async () => {
    const { port } = await listening()
    const second = create().listen({ host: '127.0.0.1', port })
    await expect(second).rejects.toMatchObject({ code: 'net.port_in_use' })
    await expect(second).rejects.toThrow(`127.0.0.1:${port}`)
    await expect(second).rejects.toMatchObject({ hint: expect.stringContaining('--facade-port') })
  })

  it('a façade that could not listen can be told to listen elsewhere', async () => {
    const { port } = await listening()
    const facade = create()
    await expect(facade.listen({ host: '127.0.0.1', port })).rejects.toThrow()
    await facade.listen(LOOPBACK)
    expect((await fetch(`${facade.urls()[0]}/health`)).status).toBe(200)
  })

  it('an address of another machine cannot be listened on', async () => {
    await expect(create().listen({ host: '192.0.2.1', port: 0 })).rejects.toMatchObject({
      code: 'net.cannot_listen',
    })
  })

  it('bytes that are no HTTP get a status line and nothing that they said', async () => {
    const { port, url } = await listening()
    expect(await converse(port, 'SECRET nonsense\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 [^S]*\r\n\r\n$/)
    const long = `GET /health HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`
    expect(await converse(port, long)).toMatch(/^HTTP\/1\.1 431 /)
    expect((await fetch(`${url}/health`)).status).toBe(200)
  })

  it('who sends its headers too slowly is sent away', async () => {
    const { port, url } = await listening()
    expect(await converse(port, 'GET /health HTTP/1.1\r\nhost:')).toMatch(/^HTTP\/1\.1 408 /)
    expect((await fetch(`${url}/health`)).status).toBe(200)
  })

  it('close lets a request under way end', async () => {
    const entered = Promise.withResolvers<void>()
    const release = Promise.withResolvers<void>()
    const { facade, url } = await listening(async () => {
      entered.resolve()
      await release.promise
      return ANSWER
    })
    const answer = post(url)
    await entered.promise
    const closed = facade.close()
    release.resolve()
    expect((await answer).status).toBe(200)
    await closed
  })

  it('close does not wait for ever for a request that never ends', async () => {
    const entered = Promise.withResolvers<void>()
    const { facade, url } = await listening(() => {
      entered.resolve()
      return new Promise(() => undefined)
    })
    const answer = post(url).then(
      () => 'answered',
      () => 'cut off',
    )
    await entered.promise
    await facade.close()
    expect(await answer).toBe('cut off')
  })

  it('close before listen, and twice, does nothing', async () => {
    const idle = create()
    await idle.close()
    const { facade } = await listening()
    await facade.close()
    await facade.close()
  })
})

describe('URLs of a listening address', () => {
  it('are that address, in brackets when it is IPv6', () => {
    expect(urlsOf('10.0.0.7', 9847)).toEqual(['http://10.0.0.7:9847'])
    expect(urlsOf('::1', 9847)).toEqual(['http://[::1]:9847'])
  })

  it('of every interface name each address, loopback last', () => {
    const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
    const ipv4 = own.filter(({ family, address }) => family === 'IPv4' && !address.startsWith('169.254.'))
    const urls = urlsOf('0.0.0.0', 1)
    expect([...urls].sort()).toEqual(ipv4.map(({ address }) => `http://${address}:1`).sort())
    expect(urls.at(-1)).toMatch(/^http:\/\/127\./)
    for (const url of urlsOf('::', 1)) expect(URL.canParse(url) && !url.includes('fe80')).toBe(true)
  })
})
