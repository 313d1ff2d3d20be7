/**
 * Every script in `test/testdata/raft` gives exactly the output that stands in it. The commands are described in
 * `support/transcript.ts`. After a wanted change of behaviour, rewrite them and review the diff line by line:
 *
 *     REWRITE=1 npx vitest run test/raft/transcripts.test.ts
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Transcript } from './support/transcript.ts'

const FOLDER = join(import.meta.dirname, '../testdata/raft')
const REWRITES = process.env['REWRITE'] === '1'

for (const file of readdirSync(FOLDER).sort()) {
  test(`transcript: ${file.replace('.txt', '').replaceAll('-', ' ')}`, () => {
    const path = join(FOLDER, file)
    const script = readFileSync(path, 'utf8')
    const actual = replay(script)
    if (REWRITES) writeFileSync(path, actual)
    else expect(actual).toBe(script)
  })
}

/** The script with the output that it gives now. Blocks are separated by one empty line; `#` begins a comment. */
function replay(script: string): string {
  const transcript = new Transcript()
  const blocks = script.trimEnd().split(/\n\n+/)
  return `${blocks.map((block) => replayBlock(transcript, block)).join('\n\n')}\n`
}

function replayBlock(transcript: Transcript, block: string): string {
  const [head = ''] = block.split(/^----$/m)
  const lines = head.trimEnd().split('\n')
  const commands = lines.filter((line) => line !== '' && !line.startsWith('#'))
  if (commands.length === 0) return lines.join('\n')
  return `${lines.join('\n')}\n----\n${transcript.run(commands)}`
}
