import { CodedError } from '../../src/base/index.ts'

/** The code with which `act` fails. */
export function codeOf(act: () => unknown): string {
  try {
    act()
  } catch (error) {
    if (error instanceof CodedError) return error.code
    throw error
  }
  return 'no error'
}
