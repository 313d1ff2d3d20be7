/** The calls of etcd's v3 API that the benches make; field numbers from its `rpc.proto`. */
import { type GrpcChannel, GrpcRefusal } from './grpc.ts'
import { Fields, message } from './protobuf.ts'

const COMPARE_EQUAL = 0
const COMPARE_CREATE_REVISION = 1

export interface EtcdStatus {
  readonly member: bigint
  /** 0 while there is none. */
  readonly leader: bigint
  readonly version: string
  readonly raftIndex: number
}

export async function status(channel: GrpcChannel, timeoutMs: number): Promise<EtcdStatus> {
  const answer = new Fields(await channel.call('/etcdserverpb.Maintenance/Status', message(), timeoutMs))
  return {
    member: answer.message(1).number(2),
    leader: answer.number(4),
    version: answer.text(2),
    raftIndex: Number(answer.number(5)),
  }
}

/** @returns the id of the lease. */
export async function leaseGrant(channel: GrpcChannel, ttlMs: number, timeoutMs: number): Promise<bigint> {
  const request = message([1, Math.ceil(ttlMs / 1000)])
  return new Fields(await channel.call('/etcdserverpb.Lease/LeaseGrant', request, timeoutMs)).number(2)
}

/** Ends the lease, and with it its keys. It may be gone already, by a try whose answer was lost. */
export async function leaseRevoke(channel: GrpcChannel, lease: bigint, timeoutMs: number): Promise<void> {
  try {
    await channel.call('/etcdserverpb.Lease/LeaseRevoke', message([1, lease]), timeoutMs)
  } catch (failure) {
    if (!(failure instanceof GrpcRefusal && failure.isNotFound)) throw failure
  }
}

/** Puts the key under the lease unless it exists: an exclusive lock in one proposal. @returns whether it did not. */
export async function createKey(
  channel: GrpcChannel,
  key: string,
  lease: bigint,
  timeoutMs: number,
): Promise<boolean> {
  const absent = message([1, COMPARE_EQUAL], [2, COMPARE_CREATE_REVISION], [3, key], [5, 0])
  const put = message([2, message([1, key], [2, ''], [3, lease])])
  const answer = await channel.call('/etcdserverpb.KV/Txn', message([1, absent], [2, put]), timeoutMs)
  return new Fields(answer).number(2) === 1n
}

export async function deleteKey(channel: GrpcChannel, key: string, timeoutMs: number): Promise<void> {
  await channel.call('/etcdserverpb.KV/DeleteRange', message([1, key]), timeoutMs)
}
