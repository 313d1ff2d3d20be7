/**
 * Pure cores (design §3): what goes in is a message, a command or a tick; what comes out are effects. Nothing
 * ambient may be reached from them, or a simulation could not repeat what they did.
 */
import { type Node, SyntaxKind } from 'typescript/unstable/ast'
import {
  isExportDeclaration,
  isIdentifier,
  isImportDeclaration,
  isInterfaceDeclaration,
  isPropertyAccessExpression,
  isTypeAliasDeclaration,
} from 'typescript/unstable/ast/is'
import { roomOf } from './layering.ts'
import type { Finding } from './repository.ts'
import { findingAt, importsOf, nodes, type ParsedFile } from './syntax.ts'

export const PURE_ROOMS: readonly string[] = ['base', 'raft', 'membership', 'authority', 'task', 'placement']

const AMBIENT = new Set([
  'Promise',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'queueMicrotask',
  'Date',
  'performance',
  'crypto',
  'process',
  'fetch',
  'console',
  'globalThis',
  'require',
])

/** What a file may use in spite of the rule, with the reason. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  // The one place where time enters.
  'src/base/clock.ts': ['node:os', 'process', 'Date'],
  // The one place where bytes become values.
  'src/base/codec.ts': ['cborg'],
}

export function checkPurity(files: readonly ParsedFile[]): Finding[] {
  return files.filter((file) => PURE_ROOMS.includes(roomOf(file.path) ?? '')).flatMap(impurities)
}

function impurities(file: ParsedFile): Finding[] {
  const allowed = new Set(['zod', ...(ALLOWED[file.path] ?? [])])
  // Ports are interfaces whose methods return promises: a file of nothing but types runs nothing.
  if (holdsOnlyTypes(file)) allowed.add('Promise')
  const imports = importsOf(file)
    .filter(({ specifier }) => !specifier.startsWith('.') && !allowed.has(specifier))
    .map(({ specifier, line }) => `${file.path}:${line}: a pure room may not import ${specifier}`)
  const uses = [...nodes(file.tree)].flatMap((node) => {
    const what = ambientUse(node)
    return what === undefined || allowed.has(what)
      ? []
      : [findingAt(file, node, `a pure room may not use ${what}`)]
  })
  return [...imports, ...uses]
}

function ambientUse(node: Node): string | undefined {
  if (node.kind === SyntaxKind.AsyncKeyword) return 'async'
  if (node.kind === SyntaxKind.AwaitKeyword || node.kind === SyntaxKind.AwaitExpression) return 'await'
  if (isPropertyAccessExpression(node)) return node.getText() === 'Math.random' ? 'Math.random' : undefined
  if (!isIdentifier(node) || !AMBIENT.has(node.text) || isMemberName(node)) return undefined
  return node.text
}

/** `x.process` and `{ process: 1 }` and `process(): void` in an interface name a member, not the global. */
function isMemberName(node: Node): boolean {
  const { parent } = node
  return 'name' in parent && parent.name === node && parent.kind !== SyntaxKind.ShorthandPropertyAssignment
}

function holdsOnlyTypes(file: ParsedFile): boolean {
  return file.tree.statements.every(
    (statement) =>
      isInterfaceDeclaration(statement) ||
      isTypeAliasDeclaration(statement) ||
      (isImportDeclaration(statement) && statement.importClause?.phaseModifier === SyntaxKind.TypeKeyword) ||
      (isExportDeclaration(statement) && statement.isTypeOnly),
  )
}
