import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { CodedError, errorEntries } from '../../src/base/index.ts'
import { FakeControl } from '../node/control/fake-control.ts'
import { cli } from './support.ts'

const COMMANDS = [
  'init',
  'up',
  'invite',
  'join',
  'run',
  'status',
  'nodes',
  'leases',
  'tasks',
  'task',
  'cancel',
  'version',
]

test.each(COMMANDS)(
  '%s --help: exit code 0, on standard output, with an example and the options of all',
  async (name) => {
    const { code, out, err } = await cli([name, '--help'])
    expect({ code, err }).toStrictEqual({ code: 0, err: '' })
    expect(out).toMatch(new RegExp(`Example:\n {2}\\$ .*populi ${name}`))
    expect(out).toContain('--json')
    expect(out).toContain('--data-dir <folder>')
  },
)

test('--help lists every command, the exit codes and where the data lies', async () => {
  const { code, out } = await cli(['--help'])
  expect(code).toBe(0)
  for (const name of COMMANDS) expect(out).toMatch(new RegExp(`\n {2}${name} `))
  expect(out).toMatch(/Exit codes: 0 done, 1 failed, 2 wrong use/)
  expect(out).toContain('$POPULI_DATA_DIR')
})

test('no command: the help, on standard error, as wrong use', async () => {
  const { code, out, err } = await cli([])
  expect({ code, out }).toStrictEqual({ code: 2, out: '' })
  expect(err).toMatch(/^Usage: populi /)
})

test.each([
  [
    ['stauts'],
    "populi: unknown command 'stauts'\n  hint: Did you mean status? `populi --help` shows what there is\n",
  ],
  [
    ['status', '--jsn'],
    "populi: unknown option '--jsn'\n  hint: Did you mean --json? `populi status --help` shows what there is\n",
  ],
  [['task'], "populi: missing required argument 'id'\n  hint: `populi task --help` shows what there is\n"],
  [['run'], "populi: missing required argument 'command'\n  hint: `populi run --help` shows what there is\n"],
  [['task', 'x'], 'populi: task id is "x"\n  hint: give a positive decimal number\n'],
  [['run', '--env', 'secret', 'true'], 'populi: --env is "…"\n  hint: give NAME=VALUE\n'],
  [
    ['run', '--timeout', '10', 'true'],
    'populi: --timeout is "10"\n  hint: give a number and a unit (ms, s, m, h, d) such as 30s or 15m, at most 596h\n',
  ],
  [
    ['invite', '--ttl', '8d'],
    'populi: --ttl is "8d"\n  hint: give a number and a unit (ms, s, m, h, d) such as 30s or 15m, at most 168h\n',
  ],
])('wrong use of %j: exit code 2 and what to do', async (argv, err) => {
  expect(await cli(argv)).toStrictEqual({ code: 2, out: '', err })
})

test('an argument too many is wrong use', async () => {
  expect(await cli(['status', 'now'])).toMatchObject({
    code: 2,
    err: expect.stringMatching(/^populi: too many arguments/),
  })
})

test.each(errorEntries())(
  'error %s: its exit code, its sentence and its hint, no stack',
  async (errorCode, entry) => {
    const control = new FakeControl()
    control.status = () => {
      throw new CodedError(errorCode)
    }
    const { code, err } = await cli(['status'], { control })
    expect(code).toBe(entry.exitCode)
    expect(err).not.toContain('    at ')
    if (errorCode === 'output.closed') return
    const error = new CodedError(errorCode)
    const log = errorCode === 'internal' ? '  log: standard error of `populi up`\n' : ''
    expect(err).toBe(`populi: ${error.message}\n  hint: ${error.hint}\n${log}`)
  },
)

test('a defect of the program is told as one sentence with where the log is', async () => {
  const control = new FakeControl()
  control.status = () => {
    throw new TypeError('x is not\na function')
  }
  expect(await cli(['status'], { control })).toStrictEqual({
    code: 1,
    out: '',
    err: 'populi: unexpected failure: x is not\\na function\n  hint: this is a defect: please report it with the log of the node\n  log: standard error of `populi up`\n',
  })
})

test('--json: programs read the error on standard output, people still on standard error', async () => {
  const { code, out, err } = await cli(['task', '99', '--json'])
  expect(code).toBe(3)
  const { code: name, message, hint } = new CodedError('task.unknown', { taskId: '99' })
  expect(JSON.parse(out)).toStrictEqual({ error: { code: name, message, hint } })
  expect(err).toBe(`populi: ${message}\n  hint: ${hint}\n`)
})

test.each([
  [['status'], {}, '/home/ada/.local/share/populi'],
  [['status'], { XDG_DATA_HOME: '/x' }, '/x/populi'],
  [['status'], { XDG_DATA_HOME: '/x', POPULI_DATA_DIR: 'rel' }, '/home/anna/dir/rel'],
  [['status'], { POPULI_DATA_DIR: '', XDG_DATA_HOME: '' }, '/home/ada/.local/share/populi'],
  [['status', '--data-dir', '/flag'], { POPULI_DATA_DIR: '/env' }, '/flag'],
  [['--data-dir', '../other', 'status'], {}, '/home/anna/other'],
])('data directory of %j with %j is %s', async (argv, env, expected) => {
  const asked: string[] = []
  const connect = (dataDir: string) => {
    asked.push(dataDir)
    throw new CodedError('node.not_running', { path: dataDir })
  }
  expect((await cli(argv, { env, deps: { connect } })).code).toBe(5)
  expect(asked).toStrictEqual([resolve(expected)])
})
