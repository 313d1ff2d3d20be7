/** What must not stand in the code: ways around the types, errors without a code, forgotten notes, tests that wait. */
import { type Node, SyntaxKind } from 'typescript/unstable/ast'
import {
  isCallExpression,
  isIdentifier,
  isNewExpression,
  isPropertyAccessExpression,
  isThrowStatement,
} from 'typescript/unstable/ast/is'
import { type Finding, matchingLines, type TextFile } from './repository.ts'
import { findingAt, importsOf, nodes, type ParsedFile } from './syntax.ts'

const PRODUCTION = /^(src|bootstrap|simulations)\//

export function checkProductionCode(files: readonly ParsedFile[]): Finding[] {
  return files
    .filter((file) => PRODUCTION.test(file.path))
    .flatMap((file) => [
      ...[...nodes(file.tree)].flatMap((node) => {
        if (node.kind === SyntaxKind.AnyKeyword)
          return [findingAt(file, node, 'any: say what it is, or unknown')]
        return throwsBareError(node)
          ? [findingAt(file, node, 'a bare error: throw a CodedError, or assert')]
          : []
      }),
      ...matchingLines(file, /@ts-(ignore|expect-error|nocheck)/, 'the compiler is told to look away'),
      ...matchingLines(
        file,
        /\b(TODO|FIXME|XXX|HACK)\b/,
        'a note to do something later: do it, or make an issue',
      ),
    ])
}

function throwsBareError(node: Node): boolean {
  if (!isThrowStatement(node) || !isNewExpression(node.expression)) return false
  return /^(Error|TypeError|RangeError)$/.test(node.expression.expression.getText())
}

const TIMERS = new Set(['setTimeout', 'setInterval'])
const SLEEPS = new Set(['sleep', 'delay'])

/** Tests run all of them, always, and wait for events and deadlines instead of sleeping. */
export function checkTestCode(files: readonly ParsedFile[]): Finding[] {
  return files
    .filter((file) => file.path.startsWith('test/'))
    .flatMap((file) => [
      ...[...nodes(file.tree)].flatMap((node) => {
        if (waits(node)) return [findingAt(file, node, `${node.getText()}: wait for an event`)]
        const left = leftOut(node)
        return left === undefined ? [] : [findingAt(file, node, `${left}: every test runs, or is removed`)]
      }),
      ...importsOf(file)
        .filter(({ specifier }) => /^(node:)?timers(\/|$)/.test(specifier))
        .map(({ specifier, line }) => `${file.path}:${line}: ${specifier}: wait for an event`),
    ])
}

/** A timer in any use, or a call of something that is named for sleeping. */
function waits(node: Node): boolean {
  if (!isIdentifier(node)) return false
  return TIMERS.has(node.text) || (SLEEPS.has(node.text) && isCalled(node))
}

function isCalled(node: Node): boolean {
  const callee = isPropertyAccessExpression(node.parent) ? node.parent : node
  return isCallExpression(callee.parent) && callee.parent.expression === callee
}

function leftOut(node: Node): string | undefined {
  if (!isPropertyAccessExpression(node) || !/^(skip|only|todo|fails)$/.test(node.name.text)) return undefined
  return /^(test|it|describe|suite)\b/.test(node.expression.getText()) ? node.getText() : undefined
}

/** What would tie the repository to the machine or the network where it was written. */
export function checkPortable(files: readonly TextFile[], placesHere: readonly string[]): Finding[] {
  const places = placesHere.map(
    (place) => new RegExp(`(?<![\\w./~-])${place.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}/`),
  )
  return files.flatMap((file) => [
    ...places.flatMap((place) => matchingLines(file, place, 'a path of this machine')),
    ...matchingLines(
      file,
      /\bregistry\.[a-z-]+\.[a-z]+|^\s*registry\s*=/,
      'the address of a package registry',
    ),
    ...(file.path === 'package-lock.json'
      ? matchingLines(file, /"resolved": "https?:/, 'the lock file is tied to one registry')
      : []),
  ])
}
