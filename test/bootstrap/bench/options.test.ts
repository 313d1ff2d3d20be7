import { describe, expect, test } from 'vitest'
import { readOptions } from '../../../bootstrap/bench/options.ts'

test('each bench has its usual measure', () => {
  expect(readOptions(['leases'])).toMatchObject({
    nodes: 3,
    clients: 64,
    rounds: 5,
    seconds: 3,
    peer: undefined,
  })
  expect(readOptions(['failover'])).toMatchObject({ nodes: 3, clients: 16, rounds: 25 })
  expect(readOptions(['history'])).toMatchObject({ clients: 64, grants: 1_000_000 })
  expect(readOptions(['idle'])).toMatchObject({ nodes: 20, minutes: 10 })
  expect(readOptions(['detect'])).toMatchObject({ nodes: 5, rounds: 10 })
  expect(readOptions(['tasks'])).toMatchObject({ nodes: 3, clients: 48, rounds: 5, streamGiB: undefined })
  expect(readOptions(['cancel'])).toMatchObject({ nodes: 3, rounds: 5 })
})

test('what is given counts', () => {
  const argv = ['leases', '--voters', '5', '--clients', '1', '--peer', 'etcd', '--json']
  expect(readOptions(argv)).toMatchObject({ nodes: 5, clients: 1, peer: 'etcd', json: true })
  expect(readOptions(['tasks', '--peer', 'http', '--stream-gib', '10'])).toMatchObject({
    peer: 'http',
    streamGiB: 10,
  })
  expect(readOptions(['detect', '--nodes', '7', '--peer', 'serf'])).toMatchObject({ nodes: 7, peer: 'serf' })
})

describe('refused with a reason', () => {
  test.each([
    ['no bench', [], /npm run bench/],
    ['an unknown bench', ['speed'], /npm run bench/],
    ['an unknown option', ['leases', '--fast'], /--fast/],
    ['another peer', ['leases', '--peer', 'consul'], /only etcd/],
    ['a detect against etcd', ['detect', '--peer', 'etcd'], /only serf/],
    ['voters of a mesh that idles', ['idle', '--voters', '3'], /--nodes/],
    ['a detect of two', ['detect', '--nodes', '2'], /at least 3/],
    ['an even number of voters', ['leases', '--voters', '4'], /1, 3 or 5/],
    ['no clients', ['leases', '--clients', '0'], /--clients 0/],
    ['a failover of one', ['failover', '--voters', '1'], /at least 3/],
    ['a cancel against anybody', ['cancel', '--peer', 'http'], /our own/],
    ['tasks against etcd', ['tasks', '--peer', 'etcd'], /only http/],
    ['tasks of one voter', ['tasks', '--voters', '1'], /at least 3/],
    ['a stream of leases', ['leases', '--stream-gib', '1'], /only of tasks/],
    ['a history against etcd', ['history', '--peer', 'etcd'], /our own/],
  ])('%s', (_, argv, reason) => {
    expect(() => readOptions(argv)).toThrow(reason)
  })
})
