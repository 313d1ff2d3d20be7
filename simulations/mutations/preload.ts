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
import { applyEdit, type Mutation } from './mutation.ts'

const ROOT = new URL('../../', import.meta.url)

function install({ name, edits }: Mutation): void {
  const waiting = new Map(edits.map((edit) => [new URL(edit.file, ROOT).href, edit]))
  // Tried now as well, so that a stale mutation is reported before anything runs.
  for (const [url, edit] of waiting) applyEdit(name, edit, readFileSync(new URL(url), 'utf8'))
  registerHooks({
    load(url, context, nextLoad) {
      const module = nextLoad(url, context)
      const edit = waiting.get(url)
      if (edit === undefined) return module
      waiting.delete(url)
      return { ...module, source: applyEdit(name, edit, String(module.source)) }
    },
  })
  process.on('exit', (code) => {
    if (waiting.size === 0 || code !== 0 || !isMainThread) return
    console.error(`mutation ${name}: not loaded: ${[...waiting.keys()].join(', ')}`)
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
