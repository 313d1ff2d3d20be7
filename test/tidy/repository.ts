/** The files that the tidy rules look at: what git tracks plus what it would add, so that a new file counts at once. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface TextFile {
  /** Relative to the root of the repository, with `/`. */
  readonly path: string
  readonly text: string
}

/** One broken rule: `path:line: what is wrong`. */
export type Finding = string

export const ROOT = join(import.meta.dirname, '../..')

/** Every file of the repository, sorted by path. */
export function repositoryFiles(): readonly TextFile[] {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: ROOT,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
  const paths = [...new Set(listed.split('\0').filter((path) => path !== ''))]
  return (
    paths
      .sort()
      // A file that is deleted and not yet committed is still listed.
      .filter((path) => existsSync(join(ROOT, path)))
      .map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }))
  )
}

/** A made-up repository, to show that a rule can fail. */
export function sample(texts: Readonly<Record<string, string>>): readonly TextFile[] {
  return Object.entries(texts).map(([path, text]) => ({ path, text }))
}

/** The lines of `file` that match, as findings. */
export function matchingLines(file: TextFile, pattern: RegExp, message: string): Finding[] {
  return file.text
    .split('\n')
    .flatMap((line, index) => (pattern.test(line) ? [`${file.path}:${index + 1}: ${message}`] : []))
}
