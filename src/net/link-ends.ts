/** The addresses at the two ends of a connection. */
import type { Connection } from '@libp2p/interface'
import { getNetConfig, isNetworkAddress } from '@libp2p/utils'
import type { LinkEnds } from './link-path.ts'

const CIRCUIT = '/p2p-circuit'

/** `undefined` for a connection that has no IP address at its other end. */
export function endsOf(connection: Connection): LinkEnds | undefined {
  const { remoteAddr } = connection
  const isRelayed = remoteAddr.toString().includes(CIRCUIT)
  if (!isNetworkAddress(remoteAddr)) return undefined
  return { remote: getNetConfig(remoteAddr).host, local: localAddress(connection), isRelayed }
}

/**
 * libp2p says the remote address only. The local one, which tells the interface and so an overlay with private addresses from a
 * LAN, is read from the socket below it; where a later version keeps that elsewhere, the path is told without it.
 */
function localAddress(connection: Connection): string | undefined {
  const { maConn } = connection as { maConn?: { socket?: { localAddress?: unknown } } }
  const address = maConn?.socket?.localAddress
  return typeof address === 'string' ? address : undefined
}
