#!/usr/bin/env -S node --max-semi-space-size=4
/** What the shell starts. The node with all that it stands on is loaded by the commands that need it. */
import { readFileSync } from 'node:fs'
import { ControlClient } from '../node/control/index.ts'
import { main } from './cli.ts'
import type { CliDeps } from './deps.ts'
import { processIo } from './io.ts'

const deps: CliDeps = {
  version: (
    JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
  ).version,
  init: async (options) => (await import('../node/index.ts')).initNode(options),
  join: async (options) => (await import('../node/index.ts')).joinNode(options),
  start: async (options) => (await import('../node/index.ts')).startNode(options),
  checkStore: async (dataDir) => (await import('../node/index.ts')).checkStore(dataDir),
  rejoinStore: async (dataDir) => (await import('../node/index.ts')).rejoinStore(dataDir),
  connect: (dataDir) => new ControlClient(dataDir),
}

// Every write has been waited for, so nothing is lost; and what a second Ctrl-C left behind is not waited for.
process.exit(await main(process.argv.slice(2), processIo(), deps))
