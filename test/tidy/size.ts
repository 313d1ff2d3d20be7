/** Length of files and functions (style.md): a file past the cap wants to be two, and so does a function. */
import type { Node } from 'typescript/unstable/ast'
import {
  isArrowFunction,
  isConstructorDeclaration,
  isFunctionDeclaration,
  isFunctionExpression,
  isGetAccessorDeclaration,
  isMethodDeclaration,
  isSetAccessorDeclaration,
} from 'typescript/unstable/ast/is'
import type { Finding } from './repository.ts'
import { findingAt, nodes, type ParsedFile } from './syntax.ts'

const FILE_LINES_MAX = 400
/** A test file is a list: longer than code may be, not without an end. */
const TEST_FILE_LINES_MAX = 600
const FUNCTION_LINES_MAX = 70

export function checkSize(files: readonly ParsedFile[]): Finding[] {
  return files.flatMap((file) => {
    const isTest = file.path.startsWith('test/')
    return [...fileFindings(file, isTest), ...(isTest ? [] : functionFindings(file))]
  })
}

function fileFindings(file: ParsedFile, isTest: boolean): Finding[] {
  const lines = file.text.replace(/\n$/, '').split('\n').length
  const max = isTest ? TEST_FILE_LINES_MAX : FILE_LINES_MAX
  return lines > max ? [`${file.path}:1: ${lines} lines, at most ${max}`] : []
}

function functionFindings(file: ParsedFile): Finding[] {
  return [...nodes(file.tree)].flatMap((node) => {
    if (!isFunctionLike(node)) return []
    const first = file.tree.getLineAndCharacterOfPosition(node.getStart(file.tree)).line
    const last = file.tree.getLineAndCharacterOfPosition(node.end).line
    const lines = last - first + 1
    if (lines <= FUNCTION_LINES_MAX) return []
    return [findingAt(file, node, `a function of ${lines} lines, at most ${FUNCTION_LINES_MAX}`)]
  })
}

/** From the first line of the signature to the closing brace, its documentation not counted. */
function isFunctionLike(node: Node): boolean {
  return (
    isFunctionDeclaration(node) ||
    isFunctionExpression(node) ||
    isArrowFunction(node) ||
    isMethodDeclaration(node) ||
    isConstructorDeclaration(node) ||
    isGetAccessorDeclaration(node) ||
    isSetAccessorDeclaration(node)
  )
}
