/** Admin orders on the gossip topic. Whoever publishes them need not have given them: each carries its issuer's signature. */
import { z } from 'zod'
import { LIMITS } from '../base/index.ts'
import { signedOrderSchema } from './order.ts'

export const ordersGossipSchema = z.object({
  type: z.literal('orders'),
  orders: z.array(signedOrderSchema).min(1).max(LIMITS.ordersPerGossipMax).readonly(),
})
export type OrdersGossip = Readonly<z.output<typeof ordersGossipSchema>>
