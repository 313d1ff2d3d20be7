/** Multiaddrs: checking, what to announce, in which order to dial. */
import { getNetConfig, isLinkLocal, isLoopback, isNetworkAddress, isPrivate } from '@libp2p/utils'
import { CODE_P2P, type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { CodedError, LIMITS, type PeerId } from '../base/index.ts'

/** @throws CodedError `input.invalid` unless `text` is a TCP multiaddr. */
export function listenAddress(text: string, field: string): Multiaddr {
  const address = parsed(text)
  if (address !== undefined && isTcp(address)) return address
  throw new CodedError('input.invalid', {
    field,
    got: text,
    accepts: 'a TCP multiaddr like /ip4/127.0.0.1/tcp/9846',
  })
}

/** The address of `peer` with `/p2p/ID` at its end; undefined when it is malformed or names another peer. */
export function addressOfPeer(peer: PeerId, text: string): Multiaddr | undefined {
  const address = parsed(text)
  if (address === undefined || !isTcp(address)) return undefined
  const named = address.getComponents().findLast(({ code }) => code === CODE_P2P)?.value
  if (named === undefined) return address.encapsulate(`/p2p/${peer}`)
  return named === peer ? address : undefined
}

/**
 * What others are told. A node that listens on every interface has loopback and link-local addresses too, which on
 * another machine lead nowhere or to another node: they are told only if there is nothing else.
 */
export function announced(addresses: Multiaddr[]): Multiaddr[] {
  const reachable = addresses.filter((address) => !isLoopback(address) && !isLinkLocal(address))
  return reachable.length > 0 ? reachable : addresses
}

/** Near before far: this machine, a private network, then an overlay (100.64.0.0/10), then the rest. */
export function nearestFirst(a: { multiaddr: Multiaddr }, b: { multiaddr: Multiaddr }): -1 | 0 | 1 {
  const [distanceA, distanceB] = [distance(a.multiaddr), distance(b.multiaddr)]
  if (distanceA === distanceB) return 0
  return distanceA < distanceB ? -1 : 1
}

function distance(address: Multiaddr): number {
  if (!isNetworkAddress(address)) return 3
  if (isLoopback(address)) return 0
  if (isOverlay(address)) return 2
  return isPrivate(address) ? 1 : 3
}

/** RFC 6598 shared address space, which Tailscale hands out; libp2p counts it as private. */
function isOverlay(address: Multiaddr): boolean {
  const [first, second] = getNetConfig(address).host.split('.').map(Number)
  return first === 100 && second !== undefined && second >= 64 && second < 128
}

function isTcp(address: Multiaddr): boolean {
  return isNetworkAddress(address) && getNetConfig(address).protocol === 'tcp'
}

function parsed(text: string): Multiaddr | undefined {
  if (text.length > LIMITS.addressBytesMax) return undefined
  try {
    return multiaddr(text)
  } catch {
    return undefined
  }
}
