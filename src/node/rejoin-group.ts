import { type Logger, logIndex, toCodedError } from '../base/index.ts'
import type { RaftCore } from '../raft/index.ts'
import type { NodeStores } from '../store/index.ts'
import type { AuthorityClient } from './authority-client.ts'

/** One round of asking to begin anew; it is repeated until somebody who leads was found. */
const REJOIN_DEADLINE_MS = 10_000

/**
 * This node's store was rebuilt: it takes part in nothing before the others have removed it (ADR 0009).
 * @returns false when it stopped before that.
 * @throws CodedError `store.write_failed`
 */
export async function rejoinGroup(init: {
  readonly stores: NodeStores
  readonly logger: Logger
  readonly core: RaftCore
  readonly client: AuthorityClient
  readonly isStopping: () => boolean
}): Promise<boolean> {
  const { stores, logger, core, client } = init
  logger.warn({}, 'the log of this node was lost: asking the others to begin anew as a learner')
  while (!init.isStopping()) {
    try {
      const { index, term } = await client.rejoin(REJOIN_DEADLINE_MS)
      const hardState = { term, vote: undefined, commitIndex: logIndex(0), votesFrom: index }
      await stores.rejoin.done(hardState)
      core.rejoined(hardState)
      logger.info({ index, term }, 'the others have begun anew with this node')
      return true
    } catch (thrown) {
      const error = toCodedError(thrown)
      if (error.code === 'store.write_failed') throw error
      if (!init.isStopping()) logger.warn({ err: error }, 'nobody could be asked to rejoin; trying again')
    }
  }
  return false
}
