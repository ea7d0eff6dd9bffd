import { createHash } from 'node:crypto';

/** RFC 6455 section 1.3. */
export function acceptKey(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
}

const MASK = Buffer.from([7, 11, 13, 17]);

/** One masked frame of a client, at most 125 bytes of content (RFC 6455 section 5.2). */
export function frame(opcode: 1 | 2, content: Buffer): Buffer {
  const head = Buffer.from([0x80 | opcode, 0x80 | content.length]);
  return Buffer.concat([head, MASK, masked(content, MASK)]);
}

/** The first frame in these bytes, with or without a mask. */
export function readFrame(bytes: Buffer): { opcode: number; content: Buffer; rest: Buffer } {
  const [first = 0, second = 0] = bytes;
  const length = second & 0x7f;
  const isMasked = (second & 0x80) !== 0;
  const start = isMasked ? 6 : 2;
  const content = bytes.subarray(start, start + length);
  return {
    opcode: first & 0x0f,
    content: isMasked ? masked(content, bytes.subarray(2, 6)) : content,
    rest: bytes.subarray(start + length),
  };
}

function masked(content: Buffer, mask: Buffer): Buffer {
  return Buffer.from(content.map((byte, at) => byte ^ (mask[at % 4] ?? 0)));
}
