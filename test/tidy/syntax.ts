/**
 * TypeScript files as syntax trees, from the compiler's own parser. TypeScript 7 offers it only through an API that it calls
 * unstable; the version is pinned exactly, and a regular expression could tell neither a comment from code nor a
 * type from a value.
 */
import { type Node, type SourceFile, SyntaxKind } from 'typescript/unstable/ast'
import {
  isCallExpression,
  isExportDeclaration,
  isImportDeclaration,
  isImportTypeNode,
  isNamedExports,
  isNamedImports,
  isNamespaceExport,
  isStringLiteral,
} from 'typescript/unstable/ast/is'
import { API } from 'typescript/unstable/async'
import { createVirtualFileSystem } from 'typescript/unstable/fs'
import { present } from '../../src/base/index.ts'
import { type Finding, repositoryFiles, type TextFile } from './repository.ts'

export interface ParsedFile extends TextFile {
  readonly tree: SourceFile
}

/** One `import … from`, `export … from` or `import('…')`, as a value or as a type. */
export interface Import {
  readonly specifier: string
  /** Names that are taken; `*` stands for all of them. */
  readonly names: readonly string[]
  readonly line: number
  /** `export … from`: names are handed on under these names. */
  readonly reexport: boolean
}

/** The `.ts` files among `files`, parsed. Nothing is resolved or type-checked. */
export async function parse(files: readonly TextFile[]): Promise<readonly ParsedFile[]> {
  const sources = files.filter((file) => file.path.endsWith('.ts'))
  if (sources.length === 0) return []
  const config = {
    compilerOptions: {
      noLib: true,
      noResolve: true,
      types: [],
      noEmit: true,
      allowImportingTsExtensions: true,
    },
    files: sources.map((file) => file.path),
  }
  const virtual = Object.fromEntries(sources.map((file) => [`/${file.path}`, file.text]))
  const fs = createVirtualFileSystem({ ...virtual, '/tsconfig.json': JSON.stringify(config) })
  const api = new API({ cwd: '/', fs })
  try {
    const snapshot = await api.updateSnapshot({ openProjects: ['/tsconfig.json'] })
    const program = present(snapshot.getProject('/tsconfig.json'), 'the project').program
    return await Promise.all(
      sources.map(async (file) => ({
        ...file,
        tree: present(await program.getSourceFile(`/${file.path}`), file.path),
      })),
    )
  } finally {
    await api.close()
  }
}

let repository: Promise<readonly ParsedFile[]> | undefined

/** The `.ts` files of this repository, parsed once. */
export function parseRepository(): Promise<readonly ParsedFile[]> {
  repository ??= parse(repositoryFiles())
  return repository
}

/** Every node of the tree, parents first. */
export function* nodes(root: Node): Generator<Node> {
  yield root
  const children: Node[] = []
  root.forEachChild((child) => {
    children.push(child)
  })
  for (const child of children) yield* nodes(child)
}

export function lineOf(file: ParsedFile, node: Node): number {
  return file.tree.getLineAndCharacterOfPosition(node.getStart(file.tree)).line + 1
}

export function findingAt(file: ParsedFile, node: Node, message: string): Finding {
  return `${file.path}:${lineOf(file, node)}: ${message}`
}

export function importsOf(file: ParsedFile): readonly Import[] {
  const found: Import[] = []
  for (const node of nodes(file.tree)) {
    const line = (): number => lineOf(file, node)
    if (isImportDeclaration(node) && isStringLiteral(node.moduleSpecifier)) {
      found.push({
        specifier: node.moduleSpecifier.text,
        names: importedNames(node),
        line: line(),
        reexport: false,
      })
    } else if (isExportDeclaration(node) && node.moduleSpecifier && isStringLiteral(node.moduleSpecifier)) {
      found.push({
        specifier: node.moduleSpecifier.text,
        names: reexportedNames(node),
        line: line(),
        reexport: true,
      })
    } else if (isImportCall(node) || isImportTypeNode(node)) {
      const specifier = /\bimport\(\s*['"]([^'"]+)['"]/.exec(node.getText(file.tree))?.[1]
      if (specifier !== undefined) found.push({ specifier, names: ['*'], line: line(), reexport: false })
    }
  }
  return found
}

function isImportCall(node: Node): boolean {
  return isCallExpression(node) && node.expression.kind === SyntaxKind.ImportKeyword
}

function importedNames(node: Node): readonly string[] {
  if (!isImportDeclaration(node) || node.importClause === undefined) return []
  const { name, namedBindings } = node.importClause
  const names = name === undefined ? [] : ['default']
  if (namedBindings === undefined) return names
  if (!isNamedImports(namedBindings)) return [...names, '*']
  return [...names, ...namedBindings.elements.map((element) => (element.propertyName ?? element.name).text)]
}

function reexportedNames(node: Node): readonly string[] {
  if (!isExportDeclaration(node) || node.exportClause === undefined || isNamespaceExport(node.exportClause))
    return ['*']
  if (!isNamedExports(node.exportClause)) return []
  return node.exportClause.elements.map((element) => (element.propertyName ?? element.name).text)
}

/** The path in the repository that a relative `specifier` of the file at `from` means. */
export function resolve(from: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined
  const parts = from.split('/').slice(0, -1)
  for (const part of specifier.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '.') parts.push(part)
  }
  return parts.join('/')
}
