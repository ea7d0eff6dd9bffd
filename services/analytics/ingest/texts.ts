/** Lengths and texts of ClickHouse's Native format. */

/** Where so many texts, each behind its length, end; undefined where the bytes end before. */
export function endOfTexts(body: Buffer, start: number, rows: number): number | undefined {
  let at = start;
  for (let row = 0; row < rows; row++) {
    const first = body[at];
    if (first === undefined) return undefined;
    if (first < 0x80) {
      at += 1 + first;
    } else {
      const length = readVarint(body, at);
      if (length === undefined) return undefined;
      at = length.end + length.value;
    }
  }
  return at;
}

export function varint(value: number): Buffer {
  const bytes: number[] = [];
  let left = value;
  for (; left >= 0x80; left = Math.floor(left / 0x80)) bytes.push((left % 0x80) | 0x80);
  return Buffer.from([...bytes, left]);
}

/** LEB128 of at most five bytes; undefined where the bytes end before it does. */
export function readVarint(
  bytes: Buffer,
  start: number,
): { value: number; end: number } | undefined {
  let value = 0;
  for (let at = start; at < start + 5; at++) {
    const byte = bytes[at];
    if (byte === undefined) return undefined;
    value += (byte & 0x7f) * 2 ** (7 * (at - start));
    if (byte < 0x80) return { value, end: at + 1 };
  }
  return undefined;
}
