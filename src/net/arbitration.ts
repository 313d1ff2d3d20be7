/**
 * Which connection of a pair is used, when there are several. Pure.
 *
 * Two peers that dial each other at once get two connections (js-libp2p issue 2714), and a peer that
 * restarts dials while the other side still believes in the old connection. If each side chose for itself, both
 * could end up with one that the other has closed. So one side chooses: the lower peer id. It opens its
 * streams on its choice only; the other side uses the connection on which those streams appear.
 *
 * Rejected: "keep the one that the lower id dialled" decided by each side (a dead old connection would win over
 * the restarted peer's new one until TCP gives up, which takes minutes).
 */
import type { PeerId } from '../base/index.ts'

export const isChooser = (self: PeerId, peer: PeerId): boolean => self < peer

interface Candidate {
  /** Who dialled, seen from the chooser. */
  readonly direction: 'inbound' | 'outbound'
  /** False when it is known to be closing or closed. */
  readonly isOpen: boolean
  readonly ageMs: number
}

/**
 * Whether a new connection takes the place of the one in use.
 *
 * A peer dials only when it has no connection; so one more dial from the other side means that it has lost the one
 * in use, unless both sides dialled at the same time. Our own second dial means only that theirs was faster.
 */
export function replaces(
  inUse: Candidate,
  direction: 'inbound' | 'outbound',
  simultaneousMs: number,
): boolean {
  if (!inUse.isOpen) return true
  if (direction === 'outbound') return false
  return inUse.direction === 'inbound' || inUse.ageMs > simultaneousMs
}
