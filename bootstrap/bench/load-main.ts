/** The load generator: a process of its own beside the servers, told what to do by the bench that started it. */
import { assert } from '../../src/base/index.ts'
import { answerCalls } from './called-process.ts'
import { openEtcdLockService } from './etcd-lock-service.ts'
import { Load } from './load.ts'
import type { LoadCall } from './load-process.ts'
import type { LockService, LockServiceSpec } from './lock-service.ts'
import { openPopuliLockService } from './populi-lock-service.ts'

const open = (spec: LockServiceSpec): Promise<LockService> =>
  spec.kind === 'populi' ? openPopuliLockService(spec) : openEtcdLockService(spec)

let service: LockService | undefined
let load: Load | undefined

async function answer(call: LoadCall): Promise<unknown> {
  if (call.type === 'open') {
    service = await open(call.spec)
    load = new Load(service)
    return
  }
  assert(load !== undefined, 'open comes first')
  switch (call.type) {
    case 'measure':
      return load.measure(call.clients, call.warmUpMs, call.measureMs)
    case 'grant':
      return load.grant(call.clients, call.count)
    case 'start':
      return load.start(call.clients)
    case 'watch':
      return load.watch(call.server)
    case 'recovered':
      return load.recovered()
    case 'stop':
      return load.stop()
  }
}

answerCalls<LoadCall>(answer, () => process.exit())
