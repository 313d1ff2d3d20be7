/**
 * The mesh's side of invites and enrolment at a node that holds the root key: proofs and signatures here, the decision
 * (used once, not expired, name free) by an entry of the authority's log. See docs/decisions/0005-enrolment.md.
 */
import { decodeRosterEntry, type RosterEntry } from '../authority/index.ts'
import { type Clock, CodedError, type Logger, present } from '../base/index.ts'
import type { EnrolAnswer, EnrolRequest } from '../contract/index.ts'
import type { AddressBook } from './address-book.ts'
import type { AuthorityClient } from './authority-client.ts'
import type { AuthorityDriver } from './authority-driver.ts'
import type { InviteRequest, InviteView } from './control/node-control.ts'
import {
  createEnrolAnswer,
  createInvite,
  type Identity,
  type InviteRecord,
  issueCredential,
  type SigningKey,
  verifyEnrolRequest,
} from './identity/index.ts'
import type { Scheduler } from './ports.ts'
import type { RosterBook } from './roster-book.ts'

const COMMIT_DEADLINE_MS = 5000
/** How long a follower may lag behind the invite that was made through it. */
const INVITE_WAIT_MS = 1500
const INVITE_POLL_MS = 25

interface EnrolmentInit {
  readonly identity: Identity
  /** At a node that can admit others. */
  readonly heldRootKey: () => SigningKey | undefined
  readonly authority: AuthorityClient
  readonly driver: AuthorityDriver
  readonly book: RosterBook
  readonly addresses: AddressBook
  readonly ownAddresses: () => readonly string[]
  readonly urls: () => readonly string[]
  readonly clock: Clock
  readonly scheduler: Scheduler
  readonly logger: Logger
}

export class Enrolment {
  private readonly init: EnrolmentInit

  constructor(init: EnrolmentInit) {
    this.init = init
  }

  /** @throws CodedError `enrol.no_root_key`, `authority.no_leader`, `limit.exceeded`, `input.invalid`. */
  async invite({ ttlMs }: InviteRequest): Promise<InviteView> {
    this.rootKey()
    const { identity, clock, authority, logger } = this.init
    const { text, urls, record } = createInvite({
      rootPublicKey: identity.rootPublicKey,
      urls: this.init.urls(),
      ttlMs,
      nowUnixMs: clock.wall(),
    })
    const { inviteId, derivedKey } = record
    const expiresUnixMs = Number(record.expiresUnixMs)
    await authority.execute(
      {
        type: 'invite.create',
        inviteId,
        derivedKey,
        expiresUnixMs: expiresUnixMs as InviteView['expiresUnixMs'],
      },
      COMMIT_DEADLINE_MS,
    )
    logger.info({ inviteId, expiresUnixMs }, 'invite made')
    return { invite: text, urls, expiresUnixMs: expiresUnixMs as InviteView['expiresUnixMs'] }
  }

  /** Answers one enrolment request. @throws CodedError `enrol.*`, `authority.no_leader`. */
  async enrol(request: EnrolRequest, remoteAddress: string): Promise<EnrolAnswer> {
    const { identity, clock, authority, logger, book } = this.init
    const audit = { inviteId: request.inviteId, peer: request.peerId, name: request.nodeId, remoteAddress }
    try {
      const rootKey = this.rootKey()
      const record = await this.findInvite(request.inviteId)
      const nowUnixMs = clock.wall()
      verifyEnrolRequest(record, request, { scopeId: identity.scopeId, nowUnixMs })
      const { peerId, nodeId, inviteId, addresses } = request
      const signed = issueCredential(rootKey, { peerId, nodeId, roles: ['mesh'], nowUnixMs })
      const entry: RosterEntry = { peer: peerId, nodeId, ...signed, addresses: [...addresses] }
      const { answer } = await authority.execute(
        { type: 'roster.admit', inviteId, entry },
        COMMIT_DEADLINE_MS,
      )
      // A repetition gets the credential of the first time.
      const admitted = decodeRosterEntry(present(answer.data, 'the admitted roster entry'))
      book.add([admitted])
      logger.info(audit, 'machine admitted')
      return createEnrolAnswer({
        record: present(record, 'a verified invite'),
        request,
        rootKey,
        credential: admitted,
        roster: this.roster(),
        nowUnixMs,
      })
    } catch (thrown) {
      if (thrown instanceof CodedError) logger.warn({ ...audit, code: thrown.code }, 'enrolment refused')
      throw thrown
    }
  }

  private rootKey(): SigningKey {
    const rootKey = this.init.heldRootKey()
    if (rootKey === undefined) throw new CodedError('enrol.no_root_key')
    return rootKey
  }

  /** With the addresses at which each was seen last: the new machine has to dial somebody. */
  private roster() {
    const { identity, book, addresses } = this.init
    return book.list().map(({ peer, statement, signature }) => ({
      statement,
      signature,
      addresses: [...(peer === identity.peerId ? this.init.ownAddresses() : addresses.addressesOf(peer))],
    }))
  }

  private async findInvite(inviteId: string): Promise<InviteRecord | undefined> {
    const until = this.init.clock.now() + INVITE_WAIT_MS
    for (;;) {
      const record = this.init.driver.machine.invite(inviteId)
      if (record !== undefined || this.init.driver.governs || this.init.clock.now() >= until) return record
      await new Promise<void>((resolve) => this.init.scheduler.after(INVITE_POLL_MS, resolve))
    }
  }
}
