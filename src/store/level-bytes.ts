/** Reads the variable-length integers and strings of LevelDB's files; `undefined` once the bytes have run out. */
export class LevelBytes {
  private readonly bytes: Buffer
  private at = 0

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  get atEnd(): boolean {
    return this.at >= this.bytes.length
  }

  /** An unsigned integer: 7 bits per byte, the lowest first, the high bit says that more follow. */
  varint(): number | undefined {
    let value = 0
    for (let scale = 1; scale <= 2 ** 49; scale *= 128) {
      const byte = this.bytes[this.at]
      this.at += 1
      if (byte === undefined) return undefined
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
    }
    return undefined
  }

  /** @returns the next `length` bytes; `undefined` also when the length itself is. */
  take(length: number | undefined): Buffer | undefined {
    if (length === undefined || this.at + length > this.bytes.length) return undefined
    this.at += length
    return this.bytes.subarray(this.at - length, this.at)
  }

  /** A string behind its length. */
  text(): Buffer | undefined {
    return this.take(this.varint())
  }
}
