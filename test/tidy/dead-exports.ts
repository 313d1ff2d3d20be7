/**
 * Nothing is dead (style.md, habit 10): what a file of `src` exports is imported by another file, what a room exports by
 * somebody outside of it, and every file is reached from a program that is started.
 */
import { SyntaxKind } from 'typescript/unstable/ast'
import {
  isExportDeclaration,
  isIdentifier,
  isNamedExports,
  isStringLiteral,
  isTemplateHead,
  isVariableStatement,
} from 'typescript/unstable/ast/is'
import { roomOf } from './layering.ts'
import type { Finding } from './repository.ts'
import { type Import, importsOf, nodes, type ParsedFile, resolve } from './syntax.ts'

/** Started by a person or imported by an embedding program, not by our code. */
const ENTRIES: readonly string[] = ['src/cli/main.ts', 'src/index.ts']

interface Use {
  readonly from: string
  readonly target: string
  readonly names: readonly string[]
}

export function checkDeadExports(files: readonly ParsedFile[]): Finding[] {
  const byPath = new Map(files.map((file) => [file.path, file]))
  const uses = files.flatMap((file) => importsOf(file).flatMap((one) => toUse(file.path, one)))
  return files
    .filter((file) => file.path.startsWith('src/') && !ENTRIES.includes(file.path))
    .flatMap((file) => {
      const isFace = isRoomIndex(file.path)
      const counting = uses.filter(
        (use) => use.target === file.path && !(isFace && roomOf(use.from) === roomOf(file.path)),
      )
      const taken = new Set(counting.flatMap((use) => use.names))
      if (taken.has('*')) return []
      const whom = isFace ? 'nobody outside of its room' : 'no other file'
      return exportedNames(file, byPath)
        .filter((name) => !taken.has(name))
        .map((name) => `${file.path}: ${whom} imports ${name}`)
    })
}

/** Files of `src` that no started program leads to: at best tests keep them busy. */
export function checkUnreachable(files: readonly ParsedFile[]): Finding[] {
  const byPath = new Map(files.map((file) => [file.path, file]))
  const isEntry = ({ path }: ParsedFile): boolean =>
    ENTRIES.includes(path) || path.startsWith('bootstrap/') || path.startsWith('simulations/')
  const reached = new Set<string>()
  const waiting = files.filter(isEntry).map((file) => file.path)
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const file = byPath.get(path)
    if (file === undefined || reached.has(path)) continue
    reached.add(path)
    waiting.push(
      ...importsOf(file).flatMap((one) => resolve(file.path, one.specifier) ?? []),
      ...startedBy(file),
    )
  }
  return files
    .filter(({ path }) => path.startsWith('src/') && !isRoomIndex(path) && !reached.has(path))
    .map(({ path }) => `${path}: no program that is started leads to this file`)
}

/**
 * Programs that a file starts as a process of their own: `'./x.ts'` in a text, or `./x` before a suffix that depends on
 * how this program itself was started, as in `new URL('./x.ts', import.meta.url)`.
 */
function startedBy(file: ParsedFile): string[] {
  return [...nodes(file.tree)].flatMap((node) => {
    if (isStringLiteral(node) && /^\.{1,2}\/.*\.ts$/.test(node.text))
      return resolve(file.path, node.text) ?? []
    if (isTemplateHead(node) && /^\.{1,2}\/[\w/-]+$/.test(node.text))
      return resolve(file.path, `${node.text}.ts`) ?? []
    return []
  })
}

function isRoomIndex(path: string): boolean {
  return /^src\/[^/]+\/index\.ts$/.test(path)
}

function toUse(from: string, one: Import): Use[] {
  const target = resolve(from, one.specifier)
  if (target === undefined) return []
  return [{ from, target, names: one.names }]
}

function exportedNames(file: ParsedFile, byPath: ReadonlyMap<string, ParsedFile>): string[] {
  return file.tree.statements.flatMap((statement) => {
    if (isExportDeclaration(statement)) {
      if (statement.exportClause !== undefined)
        return isNamedExports(statement.exportClause)
          ? statement.exportClause.elements.map((element) => element.name.text)
          : [statement.exportClause.name.text]
      const from = statement.moduleSpecifier
      const target = from && isStringLiteral(from) ? resolve(file.path, from.text) : undefined
      const origin = byPath.get(target ?? '')
      return origin === undefined ? [] : exportedNames(origin, byPath)
    }
    if (!('modifiers' in statement) || !isExported(statement.modifiers)) return []
    if (isVariableStatement(statement))
      return statement.declarationList.declarations.flatMap(({ name }) =>
        isIdentifier(name) ? [name.text] : [],
      )
    return 'name' in statement && isNamed(statement.name) ? [statement.name.text] : ['default']
  })
}

function isExported(modifiers: unknown): boolean {
  return Array.isArray(modifiers) && modifiers.some((modifier) => modifier.kind === SyntaxKind.ExportKeyword)
}

function isNamed(name: unknown): name is { readonly text: string } {
  return typeof name === 'object' && name !== null && 'text' in name
}
