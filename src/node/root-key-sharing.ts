/**
 * The root key lives at the voters (design §4): a machine that has become a voter asks the others for it, so that any of
 * them can admit new machines when the one where the mesh was founded is off. It is given only to a peer that this
 * node's own applied configuration names as a voter, over a connection that the gate let in.
 */
import { z } from 'zod'
import { bytesSchema, CodedError, decode, encode, type Logger, type PeerId } from '../base/index.ts'
import type { RaftCore } from '../raft/index.ts'
import { type Identity, RootKeyRequest, type SigningKey, sealRootKey } from './identity/index.ts'
import type { Cancel, Scheduler, Transport } from './ports.ts'
import type { Rpc } from './rpc.ts'

const METHOD = 'identity.root-key'
/** Rare, and nothing waits for it. */
const RETRY_MS = 2000
const TIMEOUT_MS = 5000

const requestSchema = z.object({ recipient: bytesSchema })
const answerSchema = z.object({ sender: bytesSchema, box: bytesSchema })

interface RootKeySharingInit {
  readonly identity: Identity
  readonly core: RaftCore
  readonly rpc: Rpc
  readonly transport: Transport
  readonly scheduler: Scheduler
  readonly logger: Logger
  /** Writes the key to disk. */
  readonly keep: (rootKey: SigningKey) => Promise<void>
}

export class RootKeySharing {
  private readonly init: RootKeySharingInit
  private held: SigningKey | undefined
  private asking = false
  private cancel: Cancel | undefined

  constructor(init: RootKeySharingInit) {
    this.init = init
    this.held = init.identity.rootKey
    init.rpc.handle(METHOD, async (from, body) =>
      this.give(from, decode(requestSchema, body, 'root key request')),
    )
  }

  /** The root key, at a node that has it. */
  get rootKey(): SigningKey | undefined {
    return this.held
  }

  start(): void {
    if (this.held !== undefined) return
    this.cancel = this.init.scheduler.every(RETRY_MS, () => {
      if (!this.asking) void this.ask()
    })
  }

  stop(): void {
    this.cancel?.()
  }

  private give(from: PeerId, { recipient }: z.output<typeof requestSchema>): Uint8Array {
    const { core, logger } = this.init
    if (this.held === undefined) throw new CodedError('enrol.no_root_key')
    const { configuration, configurationIndex, commitIndex } = core.status
    // A configuration acts from the log on, but before it has committed it may still be undone.
    if (configurationIndex > commitIndex || !configuration.voters.includes(from)) {
      logger.warn({ peer: from }, 'the root key was refused to a node that is no voter')
      throw new CodedError('enrol.no_root_key')
    }
    logger.info({ peer: from }, 'root key given to a voter')
    return encode(sealRootKey(this.held, recipient))
  }

  private async ask(): Promise<void> {
    const { core, transport, rpc, identity, logger, keep } = this.init
    const { voters } = core.status.configuration
    if (!voters.includes(transport.self)) return
    this.asking = true
    try {
      for (const peer of voters.filter((voter) => transport.isConnected(voter))) {
        const request = new RootKeyRequest()
        const body = encode({ recipient: request.publicKey })
        try {
          const answer = decode(
            answerSchema,
            await rpc.request(peer, METHOD, body, TIMEOUT_MS),
            'sealed root key',
          )
          const rootKey = request.open(answer, identity.rootPublicKey, peer)
          await keep(rootKey)
          this.held = rootKey
          this.cancel?.()
          logger.info({ peer }, 'root key received: this node can admit machines now')
          return
        } catch (error) {
          logger.debug({ peer, err: error }, 'no root key from this voter')
        }
      }
    } finally {
      this.asking = false
    }
  }
}
