/**
 * Which of several eligible nodes comes first.
 *
 * Another node before this one: a task is given to the mesh in order to use it. Then the one with the fewest running tasks.
 * Equal ones take turns by rendezvous hashing (Thaler and Ravishankar, 1998): each task ranks the nodes by a hash of task
 * and node, so every node of the mesh gets its share, the same question always gets the same answer, and a node
 * that comes or goes moves only its own share. Rejected: drawing at random, which could not be repeated
 * when somebody asks why; always the first by name, which would fill one node.
 */
import type { PeerId, TaskId } from '../base/index.ts'
import type { Candidate } from './plan.ts'

/** Negative when `a` comes first. Never 0 for two peers: the order is total. */
export function comparePreference(taskId: TaskId, a: Candidate, b: Candidate): number {
  return (
    Number(a.self) - Number(b.self) ||
    a.runningTasks - b.runningTasks ||
    spread(taskId, a.peer) - spread(taskId, b.peer) ||
    (a.peer < b.peer ? -1 : 1)
  )
}

/** FNV-1a over both ids, then murmur3's finalizer, because FNV alone mixes the last characters poorly. */
function spread(taskId: TaskId, peer: PeerId): number {
  let hash = 0x811c9dc5
  for (const character of `${taskId}/${peer}`) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
