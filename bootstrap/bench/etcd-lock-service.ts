/**
 * Exclusive rights at etcd, in either form. One member is asked, at first the leader, so that no request has to be passed
 * on; when it fails, the next one at once.
 */
import { present } from '../../src/base/index.ts'
import { BenchFailure } from './bench-failure.ts'
import { createKey, deleteKey, leaseGrant, leaseRevoke } from './etcd-client.ts'
import { GrpcChannel } from './grpc.ts'
import { HELD_TTL_MS, type LockService, type LockServiceSpec } from './lock-service.ts'

type EtcdSpec = Extract<LockServiceSpec, { kind: 'etcd' }>

/** The member that leads: when it dies, the connection says so. Etcd itself gives a proposal up after 7 s. */
const LEADER_TRY_MS = 8_000
/** Any other: a proposal that it has passed on to a dead leader is lost without a word, and only asking again helps. */
const TRY_MS_MIN = 100
/** Drawn anew for each try: with many clients one of them asks as soon as the election is over. */
const TRY_MS_SPREAD = 150
/** As for ours: far above an election. */
const DEADLINE_MS = 20_000

type Call<Result> = (channel: GrpcChannel, timeoutMs: number) => Promise<Result>

export async function openEtcdLockService(spec: EtcdSpec): Promise<LockService> {
  const members = new Members(spec)
  return {
    acquire: spec.form === 'txn' ? await underHeldLease(members) : leasePerGrant(members),
    connectionLost: (server) => members.channel(server).closed,
    close: () => members.close(),
  }
}

async function underHeldLease(members: Members): Promise<LockService['acquire']> {
  const lease = await members.ask((channel, ms) => leaseGrant(channel, HELD_TTL_MS, ms))
  return async (key) => {
    await create(members, key, lease)
    return () => members.ask((channel, ms) => deleteKey(channel, key, ms))
  }
}

function leasePerGrant(members: Members): LockService['acquire'] {
  return async (key) => {
    const lease = await members.ask((channel, ms) => leaseGrant(channel, HELD_TTL_MS, ms))
    await create(members, key, lease)
    return () => members.ask((channel, ms) => leaseRevoke(channel, lease, ms))
  }
}

/** Nobody else uses the key, so at a repetition it exists because of a try whose answer was lost. */
async function create(members: Members, key: string, lease: bigint): Promise<void> {
  let tries = 0
  const created = await members.ask((channel, ms) => {
    tries += 1
    return createKey(channel, key, lease, ms)
  })
  if (!created && tries === 1) throw new BenchFailure(`the key ${key} exists`)
}

class Members {
  private readonly servers: readonly string[]
  private readonly channels: GrpcChannel[]
  /** Until the first failure: after it nobody here knows who leads. */
  private leader: number | undefined
  private asked: number
  private stopped = false

  constructor({ servers, leader }: EtcdSpec) {
    this.servers = servers
    this.channels = servers.map((server) => new GrpcChannel(server))
    this.leader = leader
    this.asked = leader
  }

  /** A new one when the old one broke: the member may be back. */
  channel(server: number): GrpcChannel {
    const channel = present(this.channels[server], 'a channel per member')
    if (channel.usable) return channel
    const fresh = new GrpcChannel(present(this.servers[server], 'a member'))
    this.channels[server] = fresh
    return fresh
  }

  /** @throws BenchFailure when no member answered in time. */
  async ask<Result>(call: Call<Result>): Promise<Result> {
    const until = performance.now() + DEADLINE_MS
    for (;;) {
      const { asked } = this
      try {
        const tryMs = asked === this.leader ? LEADER_TRY_MS : TRY_MS_MIN + Math.random() * TRY_MS_SPREAD
        return await call(this.channel(asked), tryMs)
      } catch (failure) {
        if (this.stopped || performance.now() > until) throw failure
        this.leader = undefined
        // Of many clients that failed together, one moves on for all.
        if (this.asked === asked) this.asked = (asked + 1) % this.servers.length
      }
    }
  }

  async close(): Promise<void> {
    this.stopped = true
    await Promise.all(this.channels.map((channel) => channel.close()))
  }
}
