import { describe, expect, it } from 'vitest'
import { PeerHealth } from '../../src/authority/index.ts'
import { bootMs } from '../../src/base/index.ts'
import { A, B } from './support.ts'

const LAST = 1000
const up = (behind: number | undefined, lastIndex = LAST) => ({
  peer: A,
  isConnected: true,
  matchIndex: behind === undefined ? undefined : lastIndex - behind,
  lastIndex,
})
const down = { ...up(0), isConnected: false }

describe('since when a peer is as it is', () => {
  it('counts from the first look, and from each change after it', () => {
    const health = new PeerHealth()
    health.observe([up(0)], bootMs(10))
    health.observe([up(0)], bootMs(20))
    expect(health.of(A)).toMatchObject({ isConnected: true, connectionSince: 10, caughtUpSince: 10 })
    health.observe([down], bootMs(30))
    health.observe([down], bootMs(40))
    expect(health.of(A)).toMatchObject({ isConnected: false, connectionSince: 30, caughtUpSince: undefined })
    health.observe([up(0)], bootMs(50))
    expect(health.of(A)).toMatchObject({ isConnected: true, connectionSince: 50, caughtUpSince: 50 })
  })

  it('one that gets no log, or is far behind, is not caught up, and begins anew when it is', () => {
    const health = new PeerHealth()
    health.observe([up(undefined)], bootMs(10))
    expect(health.of(A)?.caughtUpSince).toBeUndefined()
    health.observe([up(257)], bootMs(20))
    expect(health.of(A)?.caughtUpSince).toBeUndefined()
    health.observe([up(0)], bootMs(30))
    expect(health.of(A)).toMatchObject({ connectionSince: 10, caughtUpSince: 30 })
    health.observe([up(256)], bootMs(40))
    expect(health.of(A)?.caughtUpSince).toBe(30)
    health.observe([up(257)], bootMs(50))
    expect(health.of(A)?.caughtUpSince).toBeUndefined()
    health.observe([up(0)], bootMs(60))
    expect(health.of(A)?.caughtUpSince).toBe(60)
  })

  it('one that stands still close behind the end has not caught up before it reaches what was the end then', () => {
    const health = new PeerHealth()
    health.observe([up(100, 1000)], bootMs(10))
    health.observe([up(100, 1000)], bootMs(5000))
    expect(health.of(A)?.caughtUpSince).toBeUndefined()
    // It follows at a distance: at 1100 the log has reached 1000.
    health.observe([up(100, 1100)], bootMs(6000))
    expect(health.of(A)?.caughtUpSince).toBe(6000)
  })

  it('one that is not named any more is forgotten', () => {
    const health = new PeerHealth()
    health.observe([up(0), { ...up(0), peer: B }], bootMs(10))
    health.observe([{ ...up(0), peer: B }], bootMs(20))
    expect(health.of(A)).toBeUndefined()
    expect(health.of(B)?.connectionSince).toBe(10)
  })
})
