/**
 * Which machines vote, decided by the leader and carried out one change at a time.
 *
 * Groups of 1, 3 or 5. An even number tolerates no more failures than the next smaller odd one and has one machine more
 * that can be missing, so a second machine does not vote; with the third, two are promoted in one joint change. Everybody
 * who is admitted and connected gets the log as a *learner* first: a machine is promoted only when it has caught up and
 * has been connected for `stabilizationMs`, so a promotion never makes the group wait.
 *
 * | what is seen                                        | what is done                                             |
 * | --------------------------------------------------- | -------------------------------------------------------- |
 * | room for two more voters                            | the two best learners are promoted together              |
 * | a voter is unreachable for `deadVoterDelayMs`       | the best learner takes its place in one joint change     |
 * | the same, and there is no such learner              | nothing: it keeps its vote until `shrinkDelayMs`         |
 * | unreachable for `shrinkDelayMs`, the rest healthy   | the group shrinks to the next odd number                 |
 * | a voter's policy is `never`                         | it is replaced, or the group shrinks, without delay      |
 * | the leader's own policy is `never`                  | it hands leadership over first                           |
 * | a stable machine's policy is `always`               | it takes the place of an `auto` voter                    |
 *
 * Who loses its vote stays a learner: it comes back by itself.
 *
 * *Why shrinking waits so long.* Three voters of which one is gone need both others for every commit; one voter needs
 * only itself. So shrinking makes the group more available, and less durable: what one machine alone acknowledged is
 * lost with its disk. The first is worth little for a machine that is back tomorrow, the second cannot be undone. Hence a
 * day, and only when every machine that remains is healthy. `never` does not wait: nobody is expected back.
 *
 * *Why nothing oscillates.* A present voter outranks a candidate of its class, so machines that are equally good never
 * trade places; both ways in and out have delays, which a flapping machine does not outlast. `always` outranks `auto`,
 * but it is a word of the owner and does not flap.
 *
 * Rejected: promoting at the first connection (a flapping laptop joins the quorum each time it wakes up); removing the
 * dead without replacement at once, as Consul and Nomad do (with three machines, two sleeping laptops would leave the
 * decisions of all with one disk); voters by hand only (nobody runs the command on the day when it counts).
 *
 * The caller keeps the clock: `now` and every `…Since` are the leader's boot clock (`peer-health.ts`).
 */
import { type BootMs, LIMITS, type PeerId } from '../base/index.ts'
import type { AutopilotOptions, CandidateView, VoterPlan, VoterView } from './voter-plan.ts'
import { truthOf } from './voter-truth.ts'

/** More voters make every commit slower and tolerate failures that a personal mesh does not have. */
const VOTERS_MAX = 5

/** An admitted peer or a present voter, with what the view says of its place. */
interface Member extends CandidateView {
  readonly isAdmitted: boolean
  readonly isSelf: boolean
  readonly isVoter: boolean
  readonly isLearner: boolean
}

/** The next step towards the voters that the mesh should have. Pure: the same view and time give the same plan. */
export function planVoters(view: VoterView, now: BootMs, options: AutopilotOptions): VoterPlan {
  return new Planner(view, now, options).plan()
}

class Planner {
  private readonly view: VoterView
  private readonly now: BootMs
  private readonly options: AutopilotOptions
  private readonly members: readonly Member[]
  private readonly truth: string

  constructor(view: VoterView, now: BootMs, options: AutopilotOptions) {
    this.view = view
    this.now = now
    this.options = options
    this.members = membersOf(view)
    this.truth = truthOf(this.members)
  }

  plan(): VoterPlan {
    const { view, truth } = this
    if (view.isPending) return { type: 'none', truth, waitingFor: 'the change that is under way' }
    const wanted = this.wantedVoters()
    const learners = this.wantedLearners(wanted)
    const isSame = sameMembers(peersOf(wanted), view.voters) && sameMembers(learners, view.learners)
    if (isSame) return this.nothing()
    if (!this.canCommit(wanted)) {
      return { type: 'none', truth, waitingFor: 'more than half of the voters to be connected and caught up' }
    }
    return this.handOver(wanted) ?? this.change(wanted, learners)
  }

  private wantedVoters(): readonly Member[] {
    const voters = this.members.filter(({ isVoter }) => isVoter)
    const kept = voters.filter((member) => this.keepsVote(member))
    const fresh = this.members.filter((member) => this.isPromotable(member))
    const ranked = [...kept, ...fresh].sort(bySeat)
    const seats = oddAtMost(ranked.length)
    const seatsNow = oddAtMost(voters.length)
    const best = ranked.slice(0, seats)
    if (seats >= seatsNow || this.mayShrinkTo(best)) return best
    // A vote that nobody casts is worth less than one that its owner does not want.
    const leaving = voters
      .filter((member) => !kept.includes(member))
      .sort((left, right) => Number(right.isConnected) - Number(left.isConnected) || bySeat(left, right))
    return [...ranked, ...leaving].slice(0, seatsNow)
  }

  /** A voter that is not to be replaced: it may vote, and is there or not missing for long. */
  private keepsVote(member: Member): boolean {
    return policyOf(member) !== 'never' && !this.isAway(member, this.options.deadVoterDelayMs)
  }

  private isPromotable(member: Member): boolean {
    return member.isLearner && policyOf(member) !== 'never' && this.isStable(member)
  }

  private isStable({ isConnected, connectionSince, caughtUpSince }: Member): boolean {
    const since = this.now - this.options.stabilizationMs
    return isConnected && connectionSince <= since && caughtUpSince !== undefined && caughtUpSince <= since
  }

  private isAway({ isConnected, connectionSince }: Member, forMs: number): boolean {
    return !isConnected && this.now - connectionSince >= forMs
  }

  /** Without replacement: everyone who stays is healthy, and nobody goes who may come back soon. */
  private mayShrinkTo(best: readonly Member[]): boolean {
    const leaving = this.members.filter((member) => member.isVoter && !best.includes(member))
    return (
      best.length > 0 &&
      best.every(isHealthy) &&
      leaving.every(
        (member) =>
          member.isConnected ||
          policyOf(member) === 'never' ||
          this.isAway(member, this.options.shrinkDelayMs),
      )
    )
  }

  /** Everybody else who is there, and who was a member before, as far as there is room. */
  private wantedLearners(voters: readonly Member[]): readonly PeerId[] {
    const rank = (member: Member): number => {
      const isMember = member.isLearner || member.isVoter
      if (!isMember && policyOf(member) !== 'always') return 1
      return this.isAway(member, this.options.deadVoterDelayMs) ? 2 : 0
    }
    const candidates = this.members.filter(
      (member) =>
        member.isAdmitted &&
        !voters.includes(member) &&
        (member.isLearner || member.isVoter || member.isConnected),
    )
    return peersOf(
      candidates
        .sort((left, right) => rank(left) - rank(right) || bySeat(left, right))
        .slice(0, LIMITS.raftLearnersMax),
    )
  }

  /** Both halves of the joint configuration have a majority to commit it; in the new one, of those that are caught up. */
  private canCommit(wanted: readonly Member[]): boolean {
    const voters = this.members.filter(({ isVoter }) => isVoter)
    return (
      2 * wanted.filter(isHealthy).length > wanted.length &&
      2 * voters.filter(({ isConnected }) => isConnected).length > voters.length
    )
  }

  /**
   * A leader that loses its vote hands over first, to a voter that stays. If there is none, it leads through the change
   * and steps down when that is committed.
   */
  private handOver(wanted: readonly Member[]): VoterPlan | undefined {
    if (wanted.some(({ isSelf }) => isSelf)) return undefined
    const [heir] = wanted.filter((member) => member.isVoter && isHealthy(member))
    if (heir === undefined) return undefined
    const why = `this machine gives up its vote, so ${heir.name} is to lead`
    return { type: 'transfer', to: heir.peer, why, truth: this.truth }
  }

  private change(wanted: readonly Member[], learners: readonly PeerId[]): VoterPlan {
    const voters = peersOf(wanted)
    return { type: 'change', voters, learners, why: this.why(wanted, learners), truth: this.truth }
  }

  private why(wanted: readonly Member[], learners: readonly PeerId[]): string {
    const promoted = wanted.filter(({ isVoter }) => !isVoter)
    const demoted = this.members.filter((member) => member.isVoter && !wanted.includes(member))
    const fresh = this.members.filter(
      (member) => learners.includes(member.peer) && !member.isLearner && !member.isVoter,
    )
    const dropped = this.view.learners.length + fresh.length > learners.length + promoted.length
    const parts = [
      ...(promoted.length > 0 ? [`${namesOf(promoted)} can vote`] : []),
      ...demoted.map((member) => `${member.name} ${this.whyDemoted(member)}`),
      ...(fresh.length > 0 ? [`${namesOf(fresh)} is to get the log`] : []),
    ]
    if (parts.length > 0) return parts.join('; ')
    return dropped
      ? 'a machine that does not belong to the mesh any more gets no log'
      : 'the members are put in order'
  }

  private whyDemoted(member: Member): string {
    if (!member.isAdmitted) return 'is not admitted any more'
    if (policyOf(member) === 'never') return 'is not to vote'
    if (member.isConnected) return 'makes room'
    return `is unreachable for ${Math.round((this.now - member.connectionSince) / 1000)} s`
  }

  private nothing(): VoterPlan {
    const { truth } = this
    const waits = this.members.flatMap((member) => this.waitOf(member) ?? [])
    return waits.length === 0
      ? { type: 'none', truth }
      : { type: 'none', truth, waitingFor: waits.join('; ') }
  }

  private waitOf(member: Member): string | undefined {
    const { name } = member
    if (member.isVoter) {
      if (this.keepsVote(member))
        return member.isConnected ? undefined : `${name} to come back, or its time to run out`
      return `a machine that can take the vote of ${name}`
    }
    if (policyOf(member) === 'never' || !member.isConnected || this.isStable(member)) return undefined
    if (!member.isLearner) return `room for ${name} among the learners`
    return member.caughtUpSince === undefined ? `${name} to catch up` : `${name} to be stable`
  }
}

function membersOf({ self, voters, learners, peers }: VoterView): readonly Member[] {
  const admitted = peers.map((peer) => ({ ...peer, isAdmitted: true }))
  const gone = voters
    .filter((voter) => !peers.some(({ peer }) => peer === voter))
    .map((peer) => ({ ...NOT_ADMITTED, peer, name: peer }))
  return [...admitted, ...gone].map((member) => {
    const isSelf = member.peer === self
    return {
      ...member,
      ...(isSelf ? { isConnected: true } : {}),
      isSelf,
      isVoter: voters.includes(member.peer),
      isLearner: learners.includes(member.peer),
    }
  })
}

const NOT_ADMITTED = {
  isAdmitted: false,
  policy: 'never',
  isWitness: false,
  isConnected: false,
  connectionSince: Number.NEGATIVE_INFINITY as BootMs,
  caughtUpSince: undefined,
} as const

const policyOf = ({ isWitness, policy }: Member): Member['policy'] => (isWitness ? 'always' : policy)

const isHealthy = ({ isSelf, isConnected, caughtUpSince }: Member): boolean =>
  isSelf || (isConnected && caughtUpSince !== undefined)

/** Who has the better claim to a seat: smaller is better. Total, so that every leader decides alike. */
function bySeat(left: Member, right: Member): number {
  return (
    claimOf(left) - claimOf(right) ||
    compare(trustedSince(left), trustedSince(right)) ||
    compare(left.peer, right.peer)
  )
}

/** `always` before all and `never` at the end; then who votes already; then the leader, then who is there. */
function claimOf(member: Member): number {
  const policy = { always: 0, auto: 8, never: 16 }[policyOf(member)]
  const place = member.isSelf ? 0 : member.isConnected ? 1 : 2
  return policy + (member.isVoter ? 0 : 4) + place
}

/** There for longer is better; of those that are away, for less long. */
const trustedSince = ({ isConnected, connectionSince }: Member): number =>
  isConnected ? connectionSince : -connectionSince

const compare = <Value extends number | string>(left: Value, right: Value): number =>
  left < right ? -1 : left > right ? 1 : 0

/** The largest odd number of voters out of `count`: 0, 1, 3 or 5. */
function oddAtMost(count: number): number {
  const most = Math.min(count, VOTERS_MAX)
  return most % 2 === 1 ? most : Math.max(0, most - 1)
}

const peersOf = (members: readonly Member[]): readonly PeerId[] => members.map(({ peer }) => peer).sort()
const namesOf = (members: readonly Member[]): string => members.map(({ name }) => name).join(', ')

function sameMembers(left: readonly PeerId[], right: readonly PeerId[]): boolean {
  const set = new Set(right)
  return left.length === set.size && left.every((peer) => set.has(peer))
}
