import { z } from 'zod'
import { decode, encode, LIMITS } from '../base/index.ts'
import { type SignedOrder, signedOrderSchema } from '../membership/index.ts'
import type { MetaStore } from '../store/index.ts'

const KEY = 'orders'
const schema = z.array(signedOrderSchema).max(LIMITS.ordersMax)

/** The orders that held when this node went down: what it obeys before anybody can be asked. */
export function loadOrders(meta: MetaStore): readonly SignedOrder[] {
  const saved = meta.get(KEY)
  return saved === undefined ? [] : decode(schema, saved, 'saved admin orders')
}

/** All of them in one record: they are few, and change when a person says so. @throws CodedError `store.write_failed` */
export async function saveOrders(meta: MetaStore, orders: readonly SignedOrder[]): Promise<void> {
  await meta.put(KEY, encode([...orders]))
}
