/** Protocol buffers by hand: fields that are numbers, bytes or messages, which is what a dozen etcd messages are made of. */
import { assert } from '../../src/base/index.ts'

const VARINT = 0
const FIXED64 = 1
const BYTES = 2
const FIXED32 = 5

type FieldValue = bigint | number | string | Uint8Array

/** Encodes fields in the given order; also zeros and empty ones, which a oneof needs to see. */
export function message(...fields: readonly (readonly [field: number, value: FieldValue])[]): Uint8Array {
  const out: number[] = []
  for (const [field, value] of fields) {
    if (typeof value === 'bigint' || typeof value === 'number') {
      varint(out, BigInt(field * 8 + VARINT))
      varint(out, BigInt.asUintN(64, BigInt(value)))
    } else {
      const bytes = typeof value === 'string' ? Buffer.from(value) : value
      varint(out, BigInt(field * 8 + BYTES))
      varint(out, BigInt(bytes.length))
      for (const byte of bytes) out.push(byte)
    }
  }
  return Uint8Array.from(out)
}

function varint(out: number[], value: bigint): void {
  let rest = value
  for (; rest > 0x7fn; rest >>= 7n) out.push(Number(rest & 0x7fn) | 0x80)
  out.push(Number(rest))
}

/** The fields of a message; of a repeated one the last. */
export class Fields {
  private readonly numbers = new Map<number, bigint>()
  private readonly texts = new Map<number, Uint8Array>()

  constructor(bytes: Uint8Array) {
    let at = 0
    const next = (): bigint => {
      let value = 0n
      for (let shift = 0n; ; shift += 7n) {
        const byte = bytes[at++]
        assert(byte !== undefined && shift < 70n, 'a varint ends inside its message')
        value |= BigInt(byte & 0x7f) << shift
        if (byte < 0x80) return value
      }
    }
    while (at < bytes.length) {
      const tag = Number(next())
      const field = tag >> 3
      switch (tag & 7) {
        case VARINT:
          this.numbers.set(field, next())
          break
        case BYTES: {
          const length = Number(next())
          this.texts.set(field, bytes.subarray(at, at + length))
          at += length
          break
        }
        case FIXED64:
          at += 8
          break
        default:
          assert((tag & 7) === FIXED32, 'a wire type that is in use')
          at += 4
      }
    }
  }

  /** Zero when absent, as in proto3. */
  number(field: number): bigint {
    return this.numbers.get(field) ?? 0n
  }

  text(field: number): string {
    return Buffer.from(this.texts.get(field) ?? []).toString()
  }

  message(field: number): Fields {
    return new Fields(this.texts.get(field) ?? new Uint8Array())
  }
}
