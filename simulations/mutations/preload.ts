/**
 * Loaded before everything else (`node --import ./simulations/mutations/preload.ts …`): applies the mutation that
 * `POPULI_MUTATION` names to its modules when they are loaded. Worker threads and child processes inherit both.
 *
 * A process that ends well without having loaded the modules has shown nothing: it fails. (Not in worker threads, which
 * may load less.)
 */
import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { isMainThread } from 'node:worker_threads'
import { present } from '../../src/base/index.ts'
import { MUTATIONS } from './catalogue.ts'
import { type Mutation, mutate } from './mutation.ts'

const ROOT = new URL('../../', import.meta.url)

function install(mutation: Mutation): void {
  const urlOf = (file: string): string => new URL(file, ROOT).href
  const waiting = new Set(mutation.edits.map(({ file }) => urlOf(file)))
  // Tried now as well, so that a stale mutation is reported before anything runs.
  for (const file of new Set(mutation.edits.map((edit) => edit.file)))
    mutate(mutation, file, readFileSync(new URL(file, ROOT), 'utf8'))
  registerHooks({
    load(url, context, nextLoad) {
      const module = nextLoad(url, context)
      const file = mutation.edits.find((edit) => urlOf(edit.file) === url)?.file
      if (file === undefined) return module
      waiting.delete(url)
      return { ...module, source: mutate(mutation, file, String(module.source)) }
    },
  })
  process.on('exit', (code) => {
    if (waiting.size === 0 || code !== 0 || !isMainThread) return
    console.error(`mutation ${mutation.name}: not loaded: ${[...waiting].join(', ')}`)
    process.exitCode = 70
  })
}

const name = process.env['POPULI_MUTATION']
if (name !== undefined)
  install(
    present(
      MUTATIONS.find((one) => one.name === name),
      `mutation ${name}`,
    ),
  )
