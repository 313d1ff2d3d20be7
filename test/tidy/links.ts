/** Links of the documentation: every relative one leads to a file that exists, and to a heading that exists in it. */
import { posix } from 'node:path'
import type { Finding, TextFile } from './repository.ts'

export function checkLinks(files: readonly TextFile[]): Finding[] {
  const byPath = new Map(files.map((file) => [file.path, file]))
  const exists = (path: string): boolean =>
    byPath.has(path) || files.some((file) => file.path.startsWith(`${path.replace(/\/$/, '')}/`))
  return files
    .filter((file) => file.path.endsWith('.md'))
    .flatMap((file) =>
      linksOf(file.text).flatMap(({ target, line }) => {
        const [path = '', anchor] = target.split('#', 2)
        const full = path === '' ? file.path : posix.normalize(posix.join(posix.dirname(file.path), path))
        const broken = (why: string): Finding[] => [`${file.path}:${line}: ${target}: ${why}`]
        if (!exists(full)) return broken('no such file')
        const page = byPath.get(full)
        if (anchor === undefined || page === undefined || !full.endsWith('.md')) return []
        return anchorsOf(page.text).has(anchor) ? [] : broken('no such heading')
      }),
    )
}

interface Link {
  readonly target: string
  readonly line: number
}

/** Relative links outside of code. */
function linksOf(markdown: string): Link[] {
  return proseLines(markdown).flatMap((text, index) =>
    [...text.matchAll(/\]\(\s*<?([^)\s>]+)>?[^)]*\)|^\s*\[[^\]]+\]:\s*(\S+)/g)]
      .map((match) => match[1] ?? match[2] ?? '')
      .filter((target) => !/^[a-z][a-z0-9+.-]*:/i.test(target))
      .map((target) => ({ target, line: index + 1 })),
  )
}

/** The lines with code taken out; fenced ones are left blank, so that line numbers stay. */
function proseLines(markdown: string): string[] {
  let fence: string | undefined
  return markdown.split('\n').map((line) => {
    const mark = /^\s*(`{3,}|~{3,})/.exec(line)?.[1]
    if (fence !== undefined) {
      if (mark?.startsWith(fence)) fence = undefined
      return ''
    }
    fence = mark
    return mark === undefined ? line.replace(/`[^`]*`/g, '') : ''
  })
}

/** Headings the way GitHub makes anchors of them: a repeated one gets `-1`, `-2`, …. */
function anchorsOf(markdown: string): Set<string> {
  const anchors = new Set<string>()
  let fenced = false
  for (const line of markdown.split('\n')) {
    if (/^\s*(```|~~~)/.test(line)) fenced = !fenced
    const heading = fenced ? undefined : /^#{1,6}\s+(.*?)\s*#*$/.exec(line)?.[1]
    if (heading === undefined) continue
    const anchor = slug(heading)
    let unique = anchor
    for (let copy = 1; anchors.has(unique); copy++) unique = `${anchor}-${copy}`
    anchors.add(unique)
  }
  return anchors
}

function slug(heading: string): string {
  return heading
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-')
}
