/** A process of `bench tasks` and `bench cancel`: a node with a program around it, or either side of the peer. */
import { assert } from '../../src/base/index.ts'
import { answerCalls } from './called-process.ts'
import { openHttpTaskService } from './http-task-service.ts'
import { PopuliTaskService } from './populi-task-service.ts'
import { startSpawnServer } from './spawn-server.ts'
import { measureTasks } from './task-load.ts'
import type { TaskCall } from './task-process.ts'
import type { TaskService } from './task-service.ts'

let service: TaskService | undefined

async function answer(call: TaskCall): Promise<unknown> {
  switch (call.type) {
    case 'serve':
      return (await startSpawnServer()).port
    case 'ask':
      service = openHttpTaskService(call.port)
      return
    case 'up':
      service = await PopuliTaskService.open(call.spec)
      return
    case 'work-on':
      return ourNode().workOn(call.node)
    case 'cancel':
      return ourNode().cancel(call.argv)
    case 'measure':
      return measureTasks(opened(), call.measure)
    case 'stream':
      return stream(call.argv)
  }
}

/** @returns bytes that were printed. */
async function stream(argv: readonly string[]): Promise<number> {
  let read = 0
  await opened().run({ kind: 'command', argv }, (bytes) => {
    read += bytes
  })
  return read
}

function opened(): TaskService {
  assert(service !== undefined, 'opened before it is used')
  return service
}

function ourNode(): PopuliTaskService {
  const node = opened()
  assert(node instanceof PopuliTaskService, 'only a node is asked that')
  return node
}

async function leave(): Promise<void> {
  await service?.close()
  process.exit()
}

// A node is also ended by a signal, as any other.
process.once('SIGTERM', () => void leave())
answerCalls<TaskCall>(answer, () => void leave())
