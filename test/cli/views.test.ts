import { expect, test } from 'vitest'
import { CodedError, taskId, unixMs } from '../../src/base/index.ts'
import { commandLine, cutText, printable, textWidth } from '../../src/cli/render/text.ts'
import { ago, duration, milliseconds } from '../../src/cli/render/time.ts'
import {
  ATTIC,
  DETAIL,
  DONE,
  FakeControl,
  LONE_STATUS,
  NODES,
  NOW,
  QUEUED,
  STATUS,
} from '../node/control/fake-control.ts'
import { cli } from './support.ts'

test('status: one fact per line', async () => {
  const { code, out, err } = await cli(['status'])
  expect({ code, err }).toStrictEqual({ code: 0, err: '' })
  expect(out).toBe(`node       desk
peer       12D3KooWAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
scope      abcdefghijklmnop
up         3 min 5 s (pid 4242, version 0.1.0)
authority  attic leads; this node is follower
voters     attic, desk, nas
learners   laptop
advice     3 machines decide: 1 of them may be away
log        term 3, commit 12, applied 11
members    2 alive, 1 suspect
tasks      1 unfinished, 0 running here
remote     off: lease gating is switched off, and without a lease nothing is run elsewhere (lease_gating_disabled)
http       http://127.0.0.1:9847
listen     /ip4/127.0.0.1/tcp/9846
data       /home/ada/.local/share/populi
`)
})

test('status: without leader it says so; with remote execution on, that', async () => {
  const control = new FakeControl()
  control.currentStatus = { ...LONE_STATUS, remoteExecute: { enabled: true, reason: 'enabled' } }
  const { out } = await cli(['status'], { control })
  expect(out).toContain('\nauthority  no leader; this node has no vote\n')
  expect(out).toContain('\nremote     on\n')
  control.currentStatus = { ...STATUS, authority: { ...STATUS.authority, role: 'leader' } }
  expect((await cli(['status'], { control })).out).toContain('\nauthority  this node leads\n')
})

test('status and nodes: a GPU that is withheld, and why', async () => {
  const control = new FakeControl()
  const gpu = { uuid: 'GPU-1f', reason: 'gpu_not_quiet', sinceUnixMs: unixMs(NOW) }
  control.currentStatus = { ...STATUS, gpusWithheld: [{ ...gpu, detail: 'pid 4242 with 512 MiB' }] }
  const { out } = await cli(['status'], { control })
  const sentence =
    'has a GPU on which the driver still lists processes of a task that has ended (gpu_not_quiet)'
  expect(out).toContain(`\ngpus       GPU-1f is withheld: ${sentence} pid 4242 with 512 MiB\n`)
  control.nodes = async () =>
    NODES.map((node) => ({ ...node, gpusWithheld: node.self ? [{ ...gpu, detail: undefined }] : [] }))
  const nodes = (await cli(['nodes'], { control })).out.split('\n')
  expect(nodes[0]).toContain('REMOTE  GPUS                        RUNNING')
  expect(nodes[1]).toContain('off     1 withheld (gpu_not_quiet)        0')
  expect(nodes[2]).toContain('on      -                                 2')
})

test('nodes: aligned columns, ages, and what is not known as a dash', async () => {
  expect((await cli(['nodes'])).out).toBe(
    `NODE         STATUS   SEEN     AUTHORITY  REMOTE  RUNNING  LINK             VERSION  ADDRESSES
desk (here)  alive    now      voter      off           0  -                0.1.0    /ip4/127.0.0.1/tcp/9846
attic        suspect  6 s ago  leader     on            2  overlay! 7.1 ms  0.1.0    /ip4/192.168.1.5/tcp/9846 /ip4/100.64.0.2/tcp/9846
nas          unseen   never    voter      off           0  -                -        -
`,
  )
})

test('nodes on a terminal of 100 columns: the last column is cut, nothing wraps', async () => {
  const { out } = await cli(['nodes'], { columns: 100, env: { NO_COLOR: '1' } })
  expect(out.split('\n').map((line) => line.length)).toStrictEqual([94, 100, 100, 86, 0])
  expect(out).toContain('/ip4/192.168.1…\n')
})

test('nodes on a terminal: coloured, and the colours do not shift the columns', async () => {
  const { out } = await cli(['nodes'], { columns: 200 })
  expect(out).toContain('\u001b[1mNODE\u001b[22m         \u001b[1mSTATUS\u001b[22m   ')
  expect(out).toContain('desk (here)  \u001b[32malive\u001b[39m    now')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what is looked for
  const plain = out.replace(/\u001b\[\d+m/g, '')
  expect(plain).toBe((await cli(['nodes'])).out)
})

test('no colour where there is no terminal, where NO_COLOR is set and on a dumb terminal', async () => {
  expect((await cli(['nodes'])).out).not.toContain('\u001b')
  expect((await cli(['nodes'], { columns: 200, env: { NO_COLOR: '1' } })).out).not.toContain('\u001b')
  expect((await cli(['nodes'], { columns: 200, env: { TERM: 'dumb' } })).out).not.toContain('\u001b')
  expect((await cli(['nodes'], { columns: 200, env: { NO_COLOR: '' } })).out).toContain('\u001b')
})

test('leases', async () => {
  expect((await cli(['leases'])).out).toBe(
    `LEASE  HOLDER  GRANTED    TTL    STATE  RENEWALS  FOR
   17  attic   1 min ago  2 min  live          1  task:81
`,
  )
})

test('tasks: how each stands, and the command as one would type it', async () => {
  expect((await cli(['tasks'])).out).toBe(
    `TASK  STATE      NODE   LEASE  CREATED    OUTCOME      COMMAND
  82  queued     -          -  2 s ago    -            sleep 600
  81  completed  attic     17  1 min ago  exit code 0  python3 'train model.py' --steps=5
`,
  )
})

test('tasks: an end by signal and an error; control characters of others do not reach the terminal', async () => {
  const control = new FakeControl()
  control.tasks = () => [
    { ...DONE, state: 'failed', exitCode: undefined, signal: 'SIGKILL', argv: ['\u001b[2Jevil\n', '\u202e'] },
    { ...DONE, state: 'failed', exitCode: undefined, error: 'command not found: x', argv: ['x'] },
  ]
  expect((await cli(['tasks'], { control })).out).toBe(
    `TASK  STATE   NODE   LEASE  CREATED    OUTCOME               COMMAND
  81  failed  attic     17  1 min ago  ended by SIGKILL      '\\u001b[2Jevil\\n' '\\u202e'
  81  failed  attic     17  1 min ago  command not found: x  x
`,
  )
})

test('empty lists are said in words', async () => {
  const control = new FakeControl()
  control.tasks = () => []
  control.leases = async () => []
  expect((await cli(['tasks'], { control })).out).toBe('No tasks.\n')
  expect((await cli(['leases'], { control })).out).toBe('No leases.\n')
})

test('task: where it ran and why, what became of its output, then its history', async () => {
  expect((await cli(['task', '81'])).out).toBe(
    `task      81
command   python3 'train model.py' --steps=5
state     completed
outcome   exit code 0
node      attic
lease     17
reason    runs on another node, under a lease (populi_remote_lease_hold)
kind      attached: it ends with its reader; runs here when it has to
created   1 min ago (2026-11-18T11:05:30.000Z)
ended     10 s ago (2026-11-18T11:06:30.000Z)
attempts  1
starts    1
results   1
run       start +1.0 s, complete +1 min
output    2048 bytes: \`populi logs 81\`
trace     00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01

 AFTER  STATE      NODE   LEASE  REASON                    DETAIL
+0.0 s  queued     -          -  -                         -
+1.0 s  running    attic     17  populi_remote_lease_hold  -
+1 min  completed  attic     17  -                         exit code 0
`,
  )
})

test('task: what a cancelled detached one has besides', async () => {
  const control = new FakeControl()
  control.task = async () => ({
    ...DETAIL,
    attached: false,
    fallback: 'none',
    timeoutMs: 90_000,
    deadlineUnixMs: unixMs(NOW + 3_600_000),
    cancelLatencyMs: 42,
    refusedResults: 1,
    outputBytes: 5000,
    outputBytesKept: 3000,
  })
  const { out } = await cli(['task', '81'], { control })
  for (const line of [
    'kind      detached: it goes on by itself; fails rather than run here',
    'timeout   1 min 30 s',
    'deadline  2026-11-18T12:06:40.000Z',
    'results   1, and 1 that did not count',
    'cancel    42 ms from the request to the end',
    'output    5000 bytes, of which the first 2000 are not kept any more: `populi logs 81`',
  ])
    expect(out.split('\n')).toContain(line)
})

test('cancel: says how each task ended', async () => {
  const control = new FakeControl()
  expect((await cli(['cancel', '82', '83'], { control })).out).toBe(
    'Task 82 cancelled.\nTask 83 cancelled.\n',
  )
  control.cancel = async (id) => ({
    ...QUEUED,
    taskId: id,
    state: 'cancelled',
    node: ATTIC,
    signal: 'SIGTERM',
    endedUnixMs: unixMs(NOW),
  })
  expect((await cli(['cancel', '82'], { control })).out).toBe(
    'Task 82 cancelled on attic: ended by SIGTERM.\n',
  )
})

test('cancel: one that cannot be cancelled keeps no other from it, and makes the exit code', async () => {
  const control = new FakeControl()
  const { cancel } = control
  control.cancel = async (id) => {
    if (id === '82') throw new CodedError('task.ended', { taskId: id })
    return cancel.call(control, id)
  }
  expect(await cli(['cancel', '82', '83'], { control })).toStrictEqual({
    code: 4,
    out: 'Task 83 cancelled.\n',
    err: 'populi: task 82 has ended\n  hint: nothing to do\n',
  })
})

test('tasks: of those that ended the newest 20, all with --all, and one state with --state', async () => {
  const control = new FakeControl()
  const ended = Array.from({ length: 25 }, (_, at) => ({ ...DONE, taskId: taskId(`${100 + at}`) }))
  control.tasks = () => [{ ...QUEUED, taskId: taskId('99') }, ...ended]
  const idsOf = ({ out }: { out: string }) => JSON.parse(out).map((task: { taskId: string }) => task.taskId)
  expect(idsOf(await cli(['tasks', '--json'], { control }))).toStrictEqual([
    '99',
    ...ended.slice(5).map((task) => task.taskId),
  ])
  expect(idsOf(await cli(['tasks', '--all', '--json'], { control }))).toHaveLength(26)
  expect(idsOf(await cli(['tasks', '--state', 'queued', '--json'], { control }))).toStrictEqual(['99'])
  expect((await cli(['tasks'], { control })).err).toBe(
    'populi: 5 older ones are not listed; --all lists them\n',
  )
  expect(await cli(['tasks', '--state', 'lost'], { control })).toMatchObject({ code: 2, out: '' })
})

test('version', async () => {
  expect((await cli(['version'])).out).toBe('populi 0.1.0\n')
  expect((await cli(['--version'])).out).toBe('0.1.0\n')
})

test('ages and spans read well at every size', () => {
  const ages = [-5, 999, 1000, 59_999, 60_000, 3_600_000, 47 * 3_600_000, 48 * 3_600_000, 9e9]
  expect(ages.map(ago)).toStrictEqual([
    'now',
    'now',
    '1 s ago',
    '59 s ago',
    '1 min ago',
    '1 h ago',
    '47 h ago',
    '2 d ago',
    '104 d ago',
  ])
  const spans = [-1, 0, 400.7, 12_000, 60_000, 185_000, 3_600_000, 3_840_000, 86_400_000, 183_600_000]
  expect(spans.map(duration)).toStrictEqual([
    '0 ms',
    '0 ms',
    '400 ms',
    '12 s',
    '1 min',
    '3 min 5 s',
    '1 h',
    '1 h 4 min',
    '1 d',
    '2 d 3 h',
  ])
})

test('round trips read well at every size', () => {
  expect([0.017, 0.999, 1.04, 9.94, 10, 239.6].map(milliseconds)).toStrictEqual([
    '0.02 ms',
    '1.00 ms',
    '1.0 ms',
    '9.9 ms',
    '10 ms',
    '240 ms',
  ])
})

test('text: width as a terminal counts it, cut at whole characters, quoted as a shell reads it', () => {
  expect([textWidth('abc'), textWidth('日本'), textWidth('👩‍💻'), textWidth('é')]).toStrictEqual([3, 4, 2, 1])
  expect([cutText('abcdef', 6), cutText('abcdef', 4), cutText('日本語', 4)]).toStrictEqual([
    'abcdef',
    'abc…',
    '日…',
  ])
  expect(commandLine(['a-b=c', '', "it's", '$x'])).toBe("a-b=c '' 'it'\\''s' '$x'")
  expect(printable('a\tb\r\n\u0000\u009bé')).toBe('a\\tb\\u000d\\n\\u0000\\u009bé')
})

test('revoke: asks the node, and says what becomes of the holder', async () => {
  const control = new FakeControl()
  expect((await cli(['revoke', '17'], { control })).out).toBe(
    'Lease 17 revoked; its holder is ending the work.\n',
  )
  expect((await cli(['revoke', '17', '--force'], { control })).out).toBe(
    'Lease 17 revoked: free at once, whatever its holder does.\n',
  )
  expect(control.revoked).toEqual([
    { leaseId: 17, force: false },
    { leaseId: 17, force: true },
  ])
})

test('revoke: a lease id that is no number is refused before anything is asked', async () => {
  const control = new FakeControl()
  const { err, code } = await cli(['revoke', '0x11'], { control })
  expect(err).toContain('lease id is "0x11"')
  expect(code).toBe(2)
  expect(control.revoked).toEqual([])
})
