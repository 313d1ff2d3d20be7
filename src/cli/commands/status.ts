import type { Command } from 'commander'
import type { AuthorityView, StatusView } from '../../node/control/index.ts'
import { addCommand, type Cli } from '../command.ts'
import { renderFields } from '../render/table.ts'
import { reasonText } from '../render/task.ts'
import { duration } from '../render/time.ts'

export function addStatus(cli: Cli, program: Command): void {
  addCommand(
    cli,
    program,
    'status',
    { summary: 'show how this node is and what it sees', examples: ['populi status'] },
    async () => cli.answer(await cli.client.status(), (status) => renderStatus(cli, status)),
  )
}

function renderStatus(cli: Cli, status: StatusView): string {
  const { authority, members, remoteExecute } = status
  const seen = Object.entries(members).filter(([, count]) => count > 0)
  return renderFields(
    [
      ['node', status.nodeId, 'bold'],
      ['peer', status.peerId],
      ['scope', status.scopeId],
      ['up', `${duration(status.upMs)} (pid ${status.pid}, version ${status.version})`],
      ['authority', authorityText(authority), authority.leader === undefined ? 'yellow' : 'green'],
      ['voters', authority.voters.join(', ')],
      ['learners', authority.learners.join(', ') || 'none'],
      ['advice', authority.advice, 'yellow'],
      ['log', `term ${authority.term}, commit ${authority.commitIndex}, applied ${authority.appliedIndex}`],
      ['members', seen.map(([member, count]) => `${count} ${member}`).join(', ')],
      ['tasks', `${status.unfinishedTasks} unfinished, ${status.runningHere} running here`],
      ['remote', remoteExecute.enabled ? 'on' : `off: ${reasonText(remoteExecute.reason)}`],
      ['gpus', withheldText(status), 'yellow'],
      ['http', status.facadeUrls.join(' ')],
      ['listen', status.peerAddresses.join(' ')],
      ['data', status.dataDir],
    ],
    cli.look,
  )
}

/** There only when one is withheld. */
function withheldText({ gpusWithheld }: StatusView): string | undefined {
  if (gpusWithheld.length === 0) return undefined
  return gpusWithheld
    .map(({ uuid, reason, detail = '' }) => `${uuid} is withheld: ${reasonText(reason)} ${detail}`.trim())
    .join('; ')
}

function authorityText({ role, leader }: AuthorityView): string {
  if (role === 'leader') return 'this node leads'
  const part = role === 'none' || role === 'learner' ? 'this node has no vote' : `this node is ${role}`
  return leader === undefined ? `no leader; ${part}` : `${leader} leads; ${part}`
}
