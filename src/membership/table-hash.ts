/**
 * Do two nodes hold the same table? One number answers for all, 64 more say where they differ.
 *
 * Each row has a digest of 64 bits over what nodes must agree on: peer, incarnation, there or dead or left, and the version of
 * the record (of members that are there: the others' records are dropped at each node's own time). Suspicion is not in it: it is over, one way or
 * the other, before anybody compares. The digests of a bucket are summed, which no order of events changes and which is kept
 * up to date in O(1). A bucket is some of the bits of the peer's hash, so a single difference among 1000 members costs 16 rows, not 1000.
 *
 * Rejected: XOR, under which two equal changes undo each other; a tree of hashes, whose depth would be two at this size.
 */
import type { Member } from './member.ts'
import { mix } from './peer-hash.ts'

export const BUCKETS = 64
const SALTS = [0x243f6a88, 0x85a308d3] as const

export class TableHash {
  private readonly high = new Uint32Array(BUCKETS)
  private readonly low = new Uint32Array(BUCKETS)

  /** To be called after each change of `member`. */
  update(member: Member): void {
    const bucket = bucketOf(member)
    this.add(bucket, -member.digestHigh, -member.digestLow)
    member.digestHigh = digest(member, SALTS[0])
    member.digestLow = digest(member, SALTS[1])
    this.add(bucket, member.digestHigh, member.digestLow)
  }

  remove(member: Member): void {
    this.add(bucketOf(member), -member.digestHigh, -member.digestLow)
    member.digestHigh = 0
    member.digestLow = 0
  }

  /** Of the whole table. */
  get text(): string {
    let high = 0
    let low = 0
    for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
      high = (high + (this.high[bucket] ?? 0)) >>> 0
      low = (low + (this.low[bucket] ?? 0)) >>> 0
    }
    return high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0')
  }

  /** 32 bits of each bucket. */
  get buckets(): number[] {
    return Array.from(this.high)
  }

  private add(bucket: number, high: number, low: number): void {
    this.high[bucket] = (this.high[bucket] ?? 0) + high
    this.low[bucket] = (this.low[bucket] ?? 0) + low
  }
}

export function bucketOf(member: Member): number {
  return member.hash % BUCKETS
}

/** 0 for who was never heard of, so that a roster that is ahead of another's makes no difference. */
function digest(member: Member, salt: number): number {
  const { incarnation } = member
  if (incarnation === 0) return 0
  const standing = member.isThere ? 1 : member.status === 'dead' ? 2 : 3
  const words = [
    incarnation / 2 ** 32,
    incarnation % 2 ** 32,
    standing,
    member.isThere ? member.recordVersion : 0,
  ]
  return words.reduce((hash, word) => mix(hash ^ mix(word + salt)), member.hash ^ salt)
}
