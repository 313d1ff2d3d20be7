/** The operating errors, by room. `docs/reference/errors.md` lists the same; a test holds the two together. */
export interface ErrorEntry {
  /** What happened; `{name}` is replaced by the detail of that name. */
  readonly sentence: string
  readonly httpStatus: number
  /** Exit code of the CLI: 2 wrong use, 3 not found, 4 refused, 5 unavailable (try again), 6 damaged data, 1 anything else. */
  readonly exitCode: number
  /** What to do. */
  readonly hint: string
}

const entry = (sentence: string, httpStatus: number, exitCode: number, hint: string): ErrorEntry => ({
  sentence,
  httpStatus,
  exitCode,
  hint,
})

export const ERRORS = {
  // base
  internal: entry(
    'unexpected failure: {reason}',
    500,
    1,
    'this is a defect: please report it with the log of the node',
  ),
  'input.invalid': entry('{field} is "{got}"', 400, 2, 'give {accepts}'),
  'limit.exceeded': entry('{what} is {got}, above the limit of {max}', 413, 4, 'make it smaller'),
  'operation.timeout': entry(
    '{what} took longer than {ms} ms',
    504,
    5,
    'try again; `populi status` shows what is reachable',
  ),
  'operation.cancelled': entry('{what} was cancelled', 499, 1, 'nothing to do'),
  'wire.malformed': entry(
    'malformed {what}: {reason}',
    400,
    4,
    'the sender may run another version of populi',
  ),
  'wire.unknown_type': entry(
    'unknown {what} "{got}"',
    400,
    4,
    'the sender may run a newer version of populi',
  ),
  // store
  'store.in_use': entry(
    'the data directory {path} is in use by another node',
    503,
    5,
    'stop the other node or give another --data-dir',
  ),
  'store.corrupt': entry(
    'damaged record in {path}: {what}',
    500,
    6,
    'a store: `populi store check`, then `populi store rejoin`; an identity: move the folder away, join again with a new invite; never put an old copy of a store back: it would vote again',
  ),
  'store.lost_batches': entry(
    'the last {count} acknowledged batches are missing in {path}: it ends at batch {got}, acknowledged were {acknowledged}',
    500,
    6,
    '`populi store rejoin` fetches what is lost from the other nodes; never put an old copy of a store back: it would vote again',
  ),
  'store.write_failed': entry(
    'cannot write to {path}: {reason}',
    500,
    6,
    'check free space and permissions; the node stops rather than guess what reached the disk',
  ),
  'store.version': entry(
    '{path} was written with format {got}, this program reads up to {max}',
    500,
    6,
    'use a newer version of populi',
  ),
  'store.absent': entry('no mesh in {path}', 404, 3, 'run `populi init` here, or `populi join INVITE`'),
  'store.exists': entry(
    '{path} already belongs to scope {scope} as node {node}',
    409,
    4,
    'give another --data-dir',
  ),
  'store.not_private': entry(
    '{path} is open to other users (mode {mode})',
    403,
    6,
    'run `chmod {wanted} {path}`; if somebody else may have read a key in it, join again with a new invite',
  ),
  'store.unreadable': entry('cannot read {path}: {reason}', 500, 6, 'run populi as the owner of the folder'),
  'store.unfinished_init': entry(
    '{path} holds the root key of a mesh that was never finished',
    409,
    4,
    'run `populi init` again to finish it, or give another --data-dir',
  ),
  // net
  'net.port_in_use': entry(
    '{address} is in use by another program',
    503,
    5,
    'stop it or give another port with {flag}',
  ),
  'net.cannot_listen': entry(
    'cannot listen on {address}: {reason}',
    503,
    2,
    'give an address of this machine, and a port that its user may open, with {flag}',
  ),
  'net.peer_unreachable': entry(
    'node {peer} cannot be reached',
    503,
    5,
    '`populi nodes` shows who is alive; check the network between the two machines',
  ),
  'net.disconnected': entry('the connection to {peer} closed before it answered', 503, 5, 'try again'),
  'net.queue_full': entry(
    'too much is waiting to be sent to {peer}',
    503,
    5,
    'try again when the link has caught up',
  ),
  'net.frame_too_large': entry(
    'a message of {got} bytes is above the limit of {max}',
    413,
    4,
    'send bulk data as a file',
  ),
  // identity and enrolment
  'enrol.invite_malformed': entry(
    'this is not an invite: {reason}',
    400,
    2,
    'copy the whole string that `populi invite` printed',
  ),
  'enrol.invite_unknown': entry(
    'the invite is not known to this mesh',
    404,
    4,
    'ask for a new one with `populi invite`',
  ),
  'enrol.invite_expired': entry('the invite has expired', 410, 4, 'ask for a new one with `populi invite`'),
  'enrol.invite_used': entry('the invite was already used', 410, 4, 'ask for a new one with `populi invite`'),
  'enrol.wrong_proof': entry(
    "the invite's secret does not match",
    401,
    4,
    'copy the whole string that `populi invite` printed; it still works',
  ),
  'enrol.wrong_scope': entry(
    'the invite is for scope {got}, this mesh is {scope}',
    403,
    4,
    'use an invite of this mesh',
  ),
  'enrol.wrong_root': entry(
    '{url} answered with another root key than the invite names',
    403,
    4,
    'do not join: the address belongs to somebody else, or the invite is forged',
  ),
  'enrol.unreachable': entry(
    'no address of the invite answered: {reason}',
    503,
    5,
    'check that the inviting node runs and that this machine can reach {urls}',
  ),
  'enrol.node_id_taken': entry(
    'node id "{node}" belongs to another machine',
    409,
    4,
    'choose another with --node-id',
  ),
  'enrol.rate_limited': entry('too many attempts to enrol', 429, 5, 'wait a minute and try again'),
  'enrol.no_root_key': entry(
    'this node cannot admit machines: it does not hold the root key',
    503,
    5,
    'run it on the node where the mesh was made, or on another voter',
  ),
  'enrol.key_not_held': entry(
    'the machine did not prove that it holds the key of {peer}',
    401,
    4,
    'run `populi join` on the machine that is to be enrolled',
  ),
  'enrol.other_node_id': entry(
    'the mesh already knows this machine as "{node}"',
    409,
    4,
    'join again with --node-id {node}',
  ),
  'enrol.answer_invalid': entry(
    '{url} gave an answer that does not come from the mesh of the invite: {reason}',
    403,
    4,
    'the address may belong to somebody else: check it with whoever made the invite',
  ),
  'credential.invalid': entry(
    'the credential of {peer} is not valid: {reason}',
    403,
    4,
    'enrol the machine again',
  ),
  // authority
  'authority.no_leader': entry(
    'the lease authority has no leader now',
    503,
    5,
    'wait some seconds; more than half of the voters must be reachable',
  ),
  'authority.not_leader': entry('node {peer} is not the leader', 503, 5, 'ask the leader'),
  'authority.dropped': entry(
    'the request was not accepted by a leader that lost its office',
    503,
    5,
    'try again',
  ),
  'authority.overloaded': entry('too many requests wait for the authority', 503, 5, 'try again'),
  'authority.session_expired': entry(
    'the request is older than the last {max} clients that the authority remembers',
    409,
    5,
    'send it again as a new request',
  ),
  'lease.held': entry(
    '{scopeKey} is leased to {holder} under lease {leaseId}',
    409,
    4,
    'wait until the lease ends',
  ),
  'lease.unknown': entry('lease {leaseId} is not live', 404, 3, '`populi leases` lists the live ones'),
  'lease.not_holder': entry('lease {leaseId} belongs to {holder}', 403, 4, 'only the holder may do this'),
  'lease.revoked': entry(
    'lease {leaseId} was revoked by {by}: {reason}',
    409,
    4,
    'stop what runs under it and release it; it cannot be renewed',
  ),
  'lease.cooling': entry(
    '{scopeKey} is being taken back from {holder}: its lease {leaseId} was revoked',
    409,
    5,
    'free as soon as the holder has stopped, at the latest when its {ttlMs} ms have passed; `--force` does not wait',
  ),
  'lease.holder_quarantined': entry(
    '{holder} is quarantined: it gets no lease and keeps none',
    409,
    4,
    'give the work to another node; `populi admin orders` says who ordered it and why',
  ),
  'lease.holder_retired': entry(
    '{holder} is retired: it gets no lease and keeps none',
    409,
    4,
    'give the work to another node; `populi admin orders` says who ordered it and why',
  ),
  'lease.holder_in_maintenance': entry(
    '{holder} is in maintenance: it gets no new lease, and keeps those that it has until the drain is over',
    409,
    4,
    'give the work to another node, or wait; `populi admin orders` says who ordered it and for how long',
  ),
  'lease.too_many': entry(
    '{count} leases are live, the limit is {max}',
    503,
    5,
    'wait until some of them end',
  ),
  // facade
  'http.content_type': entry('the body is not JSON', 415, 2, 'send it with content-type: application/json'),
  // task and exec
  'task.unknown': entry(
    'no task {taskId} on this node',
    404,
    3,
    '`populi tasks` lists the tasks that were submitted here',
  ),
  'task.ended': entry('task {taskId} has ended', 409, 4, 'nothing to do'),
  'task.too_many': entry(
    '{count} tasks are unfinished on this node, the limit is {max}',
    503,
    5,
    'wait until some of them end',
  ),
  'task.too_large': entry(
    'the task takes {got} bytes, an envelope holds {max}',
    413,
    4,
    'envelopes are for commands and their arguments: bulk data goes as artifacts, files named by their content, on a stream of their own',
  ),
  'task.no_such_node': entry('there is no node "{node}" in this mesh', 404, 3, '`populi nodes` lists them'),
  'exec.not_found': entry(
    'command not found: {command}',
    400,
    1,
    'give a program that exists on the worker, or its full path',
  ),
  'exec.spawn_failed': entry(
    'cannot start {command}: {reason}',
    500,
    1,
    'check the program and its working directory on the worker',
  ),
  'exec.unsupported_system': entry(
    'commands cannot be run on {system}: the proof that they have ended needs the /proc of Linux',
    501,
    1,
    'run them on a Linux node; this one can still submit and vote',
  ),
  'task.cancelled': entry('task {taskId} was cancelled ({reason}): {error}', 499, 1, 'nothing to do'),
  'task.failed': entry(
    'task {taskId} failed ({reason}): {error}',
    500,
    1,
    '`populi task {taskId}` shows its whole history',
  ),
  'function.failed': entry(
    'function {function} failed: {reason}',
    500,
    1,
    'the log of the node that ran it has the whole story',
  ),
  'function.value_too_large': entry(
    'the value of function {function} takes {got} bytes, an envelope holds {max}',
    413,
    1,
    'bulk data goes as artifacts, files named by their content, on a stream of their own; return their names',
  ),
  'function.not_loaded': entry(
    'function {function} cannot be loaded: {reason}',
    500,
    1,
    'its module must have a default export that is a function, and must be there on the worker',
  ),
  'function.host_lost': entry(
    'the process that ran function {function} ended without a result: {how}',
    500,
    1,
    'what it printed last is in the output of the task',
  ),
  'exec.guardian_lost': entry(
    'the guardian process ended',
    500,
    1,
    'the node ended what it had started and started a new guardian',
  ),
  // node and cli
  'config.invalid': entry('{key} is "{got}" ({source})', 400, 2, 'it accepts {accepts}'),
  'config.unknown_key': entry('unknown key {key} in {path}', 400, 2, 'known keys: {known}'),
  'node.not_running': entry('no node runs on {path}', 503, 5, 'start it with `populi up`'),
  'credential.not_admin': entry(
    'node {peer} may not give this order',
    403,
    4,
    'give it on a node whose credential has the role admin or mesh',
  ),
  'node.witness': entry(
    'this node is a witness: it votes and never executes',
    409,
    5,
    'give the task to another node of the mesh',
  ),
  'drain.unfinished': entry(
    '{node} is not drained, and the deadline has passed: {state}',
    409,
    1,
    'once it has heard of the order it ends what is left; `populi nodes` shows when that is none',
  ),
  'node.stopping': entry('the node is stopping', 503, 5, 'try again when it is up'),
  'output.closed': entry('the reader of the output went away', 499, 1, 'nothing to do'),
  'control.socket_unusable': entry(
    'the control socket {path} cannot be used: {reason}',
    403,
    4,
    'use the account that runs the node; the folder must be its own and nobody else may write to it',
  ),
  'control.interrupted': entry(
    'the connection to the node broke before {what} ended',
    502,
    5,
    'it may still run: `{look}` shows it',
  ),
  'peer.failed': entry(
    'the other side failed with {code}: {reason}',
    502,
    5,
    'it may run a newer version of populi',
  ),
} as const satisfies Record<string, ErrorEntry>

export type ErrorCode = keyof typeof ERRORS
