/** The registries: what they list is used, what is used is listed, and every room says what it is for. */
import {
  isNoSubstitutionTemplateLiteral,
  isPropertyAccessExpression,
  isStringLiteral,
} from 'typescript/unstable/ast/is'
import { roomOf } from './layering.ts'
import type { Finding, TextFile } from './repository.ts'
import { importsOf, nodes, type ParsedFile } from './syntax.ts'

/** Codes that no literal in `src` outside of their registry names. */
export function checkCodesUsed(
  codes: readonly string[],
  registry: string,
  files: readonly ParsedFile[],
): Finding[] {
  const named = new Set(
    inSource(files, registry).flatMap((file) =>
      [...nodes(file.tree)].flatMap((node) =>
        isStringLiteral(node) || isNoSubstitutionTemplateLiteral(node) ? [node.text] : [],
      ),
    ),
  )
  return codes.filter((code) => !named.has(code)).map((code) => `${registry}: nothing in src uses ${code}`)
}

/** Limits that nothing in `src` reads. */
export function checkLimitsUsed(
  limits: readonly string[],
  registry: string,
  files: readonly ParsedFile[],
): Finding[] {
  const read = new Set(
    inSource(files, registry).flatMap((file) =>
      [...nodes(file.tree)].flatMap((node) =>
        isPropertyAccessExpression(node) && node.expression.getText() === 'LIMITS' ? [node.name.text] : [],
      ),
    ),
  )
  return limits
    .filter((limit) => !read.has(limit))
    .map((limit) => `${registry}: nothing in src reads ${limit}`)
}

function inSource(files: readonly ParsedFile[], except: string): readonly ParsedFile[] {
  return files.filter((file) => file.path.startsWith('src/') && file.path !== except)
}

/** Each room has an `index.ts` that begins with what the room is for. */
export function checkRoomFaces(files: readonly TextFile[]): Finding[] {
  const rooms = [...new Set(files.flatMap((file) => roomOf(file.path) ?? []))]
  return rooms.flatMap((room) => {
    const path = `src/${room}/index.ts`
    const face = files.find((file) => file.path === path)
    if (face === undefined) return [`${path}: missing`]
    return /^\/\*\*[\s\S]{20,}?\*\//.test(face.text)
      ? []
      : [`${path}: does not begin with what the room is for`]
  })
}

export interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
}

/**
 * Packages: exact versions; each with a line in the page about dependencies and no line without a package; each that
 * the program ships is imported, or is listed on that page as a companion of one that is.
 */
export function checkDependencies(manifest: Manifest, page: string, files: readonly ParsedFile[]): Finding[] {
  const all = { ...manifest.dependencies, ...manifest.devDependencies }
  const listed = firstColumn(page.split('\n## Companions')[0] ?? '')
  const companions = firstColumn(page.split('\n## Companions')[1] ?? '')
  const shipped = importedPackages(files, /^(src|bootstrap|simulations)\//)
  const anywhere = importedPackages(files, /./)
  return [
    ...Object.entries(all)
      .filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
      .map(([name, version]) => `package.json: ${name} ${version} is no exact version`),
    ...Object.keys(all)
      .filter((name) => !listed.includes(name))
      .map((name) => `docs/dependencies.md: no line for ${name}`),
    ...[...listed, ...companions]
      .filter((name) => !(name in all))
      .map((name) => `docs/dependencies.md: ${name} is no dependency`),
    ...Object.keys(manifest.dependencies)
      .filter((name) => !shipped.has(name) && !companions.includes(name))
      .map((name) => `package.json: nothing imports ${name}`),
    ...companions
      .filter((name) => shipped.has(name))
      .map((name) => `docs/dependencies.md: ${name} is imported, so it is no companion`),
    ...[...shipped]
      .filter((name) => !(name in manifest.dependencies))
      .map((name) => `package.json: ${name} is imported and no dependency`),
    ...[...anywhere].filter((name) => !(name in all)).map((name) => `package.json: tests import ${name}`),
  ]
}

/** Names in backquotes that begin a row of a table. */
function firstColumn(markdown: string): string[] {
  return [...markdown.matchAll(/^\| `([^`]+)`/gm)].map((match) => match[1] ?? '')
}

function importedPackages(files: readonly ParsedFile[], where: RegExp): Set<string> {
  return new Set(
    files
      .filter((file) => where.test(file.path))
      .flatMap((file) => importsOf(file).map(({ specifier }) => specifier))
      .filter((specifier) => !/^(\.|node:)/.test(specifier))
      .map((specifier) => /^(@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier),
  )
}
