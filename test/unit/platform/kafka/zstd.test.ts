import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createZstdCompress, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { contentSizeOf, zstd } from '../../../../services/platform/kafka/zstd.ts';

const MIB = 1024 * 1024;

/** Bytes that hardly shrink, the same in every run. */
function noise(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0, x = 1; i < length; i++) {
    x = (Math.imul(x, 1_103_515_245) + 12_345) >>> 0;
    bytes[i] = x >>> 24;
  }
  return bytes;
}

/** As a producer that does not know beforehand how much it will send. */
async function streamed(bytes: Buffer): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
  await pipeline([bytes], createZstdCompress(), sink);
  return Buffer.concat(chunks);
}

// Around the widths in which a frame tells the size of its content.
test.each([0, 1, 255, 256, 65_791, 65_792, 3 * MIB])('%i bytes come back', async (length) => {
  const bytes = noise(length);
  const packed = await zstd.compress({ buffer: bytes });
  expect(contentSizeOf(packed)).toBe(length);
  expect((await zstd.decompress(packed)).equals(bytes)).toBe(true);
  expect(zstdDecompressSync(packed).equals(bytes)).toBe(true);
});

test('a frame that does not tell its size is unpacked too', async () => {
  const bytes = noise(MIB + 1);
  const packed = await streamed(bytes);
  expect(contentSizeOf(packed)).toBeUndefined();
  expect((await zstd.decompress(packed)).equals(bytes)).toBe(true);
});

test('a size that is a lie is no more than a first guess', async () => {
  const packed = zstdCompressSync(Buffer.alloc(1_000, 'x'), { pledgedSrcSize: 1_000 });
  expect(contentSizeOf(packed)).toBe(1_000);
  // The two bytes hold the size less 256.
  packed.writeUInt16LE(0xffff, 5);
  expect(contentSizeOf(packed)).toBe(65_791);
  await expect(zstd.decompress(packed)).rejects.toThrow(/zstd|corrupt|size|checksum/i);
});

test('what is no zstd, is cut off or grows too large is refused', async () => {
  const packed = zstdCompressSync(noise(10_000));
  await expect(zstd.decompress(Buffer.from('no zstd at all'))).rejects.toThrow('Unknown frame');
  await expect(zstd.decompress(packed.subarray(0, 5_000))).rejects.toThrow('unexpected end');
  await expect(zstd.decompress(zstdCompressSync(Buffer.alloc(65 * MIB)))).rejects.toThrow(
    'Cannot create a Buffer larger than',
  );
});

test.each([[''], ['28b5'], ['28b52ffd'], ['28b52ffda0'], ['ffffffff2000']])(
  'the head %j tells no size',
  (hex) => {
    expect(contentSizeOf(Buffer.from(hex, 'hex'))).toBeUndefined();
  },
);
