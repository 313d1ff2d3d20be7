/**
 * Loaded before everything else (`node --import ./simulations/mutations/preload.ts …`): applies the mutation that
 * `POPULI_MUTATION` names to its module when that is loaded. Worker threads and child processes inherit both.
 *
 * A process that ends well without having loaded the module has shown nothing: it fails. (Not in worker threads, which
 * may load less.)
 */
import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { isMainThread } from 'node:worker_threads'
import { present } from '../../src/base/index.ts'
import { MUTATIONS } from './catalogue.ts'
import { mutate } from './mutation.ts'

export const MUTATION_VARIABLE = 'POPULI_MUTATION'

const name = process.env[MUTATION_VARIABLE]
if (name !== undefined) {
  const mutation = present(
    MUTATIONS.find((one) => one.name === name),
    `mutation ${name}`,
  )
  const url = pathToFileURL(join(import.meta.dirname, '../..', mutation.file)).href
  // Applied now as well, so that a stale one is reported before anything runs.
  mutate(mutation, readFileSync(fileURLToPath(url), 'utf8'))
  let isLoaded = false
  registerHooks({
    load(loaded, context, nextLoad) {
      const module = nextLoad(loaded, context)
      if (loaded !== url) return module
      isLoaded = true
      return { ...module, source: mutate(mutation, String(module.source)) }
    },
  })
  process.on('exit', (code) => {
    if (isLoaded || code !== 0 || !isMainThread) return
    console.error(`mutation ${name}: ${mutation.file} was not loaded`)
    process.exitCode = 70
  })
}
