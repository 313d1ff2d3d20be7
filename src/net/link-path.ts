/**
 * Which kind of way a connection takes. A claim about the first hop only, made from the addresses at both ends and the names of
 * this machine's interfaces: nothing else is known without asking the system. A Tailscale path that silently goes
 * through a relay of Tailscale's looks like any other of its paths here; its round trip tells.
 */
import { BlockList, isIPv6 } from 'node:net'
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os'

/**
 * From best to worst. `loopback`: the same machine. `lan`: the same link, or a private network. `overlay`: WireGuard, Tailscale,
 * ZeroTier. `internet`: anything else that is direct. `relayed`: through another peer (libp2p circuit relay).
 */
export const LINK_PATHS = ['loopback', 'lan', 'overlay', 'internet', 'relayed'] as const
export type LinkPath = (typeof LINK_PATHS)[number]

export const isWorsePath = (path: LinkPath, before: LinkPath): boolean =>
  LINK_PATHS.indexOf(path) > LINK_PATHS.indexOf(before)

export interface LinkEnds {
  /** IP addresses. */
  readonly remote: string
  /** `undefined` when the system did not say. */
  readonly local: string | undefined
  readonly isRelayed: boolean
}

type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>

/** `utun` is what macOS calls every tunnel. */
const OVERLAY_INTERFACE = /^(wg|tailscale|utun|zt)/

const LOOPBACK = blockList(['127.0.0.0', 8], ['::1', 128])
/** RFC 6598, which Tailscale hands out, and Tailscale's own part of RFC 4193. */
const OVERLAY = blockList(['100.64.0.0', 10], ['fd7a:115c:a1e0::', 48])
/** RFC 1918, 3927, 4193 and 4291. */
const PRIVATE = blockList(
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['169.254.0.0', 16],
  ['fc00::', 7],
  ['fe80::', 10],
)

export function pathOf(ends: LinkEnds, interfaces: Interfaces = networkInterfaces()): LinkPath {
  if (ends.isRelayed) return 'relayed'
  const remote = plain(ends.remote)
  const local = ends.local === undefined ? undefined : plain(ends.local)
  if (contains(LOOPBACK, remote) || isOwn(remote, interfaces)) return 'loopback'
  const [name, network] = interfaceOf(remote, local, interfaces)
  if (contains(OVERLAY, remote) || (name !== undefined && OVERLAY_INTERFACE.test(name))) return 'overlay'
  if (contains(PRIVATE, remote) || (network !== undefined && contains(network, remote))) return 'lan'
  return 'internet'
}

/** A machine that reaches one of its own addresses does so without leaving itself. */
const isOwn = (remote: string, interfaces: Interfaces): boolean =>
  Object.values(interfaces).some((addresses) => addresses?.some(({ address }) => plain(address) === remote))

/** The interface with the local address; when that is not known, one in whose network the remote address lies. */
function interfaceOf(
  remote: string,
  local: string | undefined,
  interfaces: Interfaces,
): readonly [name: string | undefined, network: BlockList | undefined] {
  for (const [name, addresses = []] of Object.entries(interfaces)) {
    for (const { address, cidr } of addresses) {
      const network = cidr === null ? undefined : networkOf(cidr)
      const isIt = local === undefined ? network && contains(network, remote) : plain(address) === local
      if (isIt) return [name, network]
    }
  }
  return [undefined, undefined]
}

function networkOf(cidr: string): BlockList {
  const [address = '', bits = ''] = cidr.split('/')
  return blockList([plain(address), Number(bits)])
}

function blockList(...networks: readonly (readonly [address: string, bits: number])[]): BlockList {
  const list = new BlockList()
  for (const [address, bits] of networks) list.addSubnet(address, bits, family(address))
  return list
}

const contains = (list: BlockList, address: string): boolean => list.check(address, family(address))

function family(address: string): 'ipv4' | 'ipv6' {
  return isIPv6(address) ? 'ipv6' : 'ipv4'
}

/** Without the zone of a link-local address, and an IPv4 address as one. */
function plain(address: string): string {
  const text = address.replace(/%.*$/, '')
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(text)?.[1] ?? text
}
