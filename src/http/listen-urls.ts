import { isIPv6 } from 'node:net'
import { networkInterfaces } from 'node:os'

const LINK_LOCAL = /^(fe[89ab]|169\.254\.)/i

/**
 * URLs under which a server that listens on `host` can be reached, the best first. For an unspecified host
 * (`0.0.0.0`, `::`): one per address of the machine's interfaces, loopback last. Link-local addresses are
 * left out: they mean something else on each machine.
 */
export function urlsOf(host: string, port: number): readonly string[] {
  if (host !== '0.0.0.0' && host !== '::') return [urlOf(host, port)]
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
  return all
    .filter(({ address, family }) => !LINK_LOCAL.test(address) && (host === '::' || family === 'IPv4'))
    .sort((left, right) => Number(left.internal) - Number(right.internal))
    .map(({ address }) => urlOf(address, port))
}

function urlOf(host: string, port: number): string {
  return `http://${isIPv6(host) ? `[${host}]` : host}:${port}`
}
