import { beforeEach, expect, test } from 'vitest';
import { Archive, CHUNK_MESSAGES_MAX } from '../../../../services/config/log/archive.ts';
import { FakeObjects } from '../../platform/config-log/objects.ts';

let objects: FakeObjects;
let archive: Archive;

beforeEach(() => {
  objects = new FakeObjects();
  archive = new Archive(objects);
});

async function* messages(from: number, to: number, text: string, missing: number[] = []) {
  for (let sequence = from; sequence <= to; sequence++) {
    if (missing.includes(sequence)) continue;
    yield { sequence, data: Buffer.from(`${text} ${sequence}`) };
  }
}

async function textAt(sequence: number): Promise<string | undefined> {
  const data = await archive.message(sequence);
  return data === undefined ? undefined : Buffer.from(data).toString();
}

test('messages come back byte for byte from chunks of bounded size', async () => {
  const last = CHUNK_MESSAGES_MAX * 2 + 10;
  await archive.write(messages(1, last, 'ü'), { last, nowMs: 1 });
  expect(objects.objects.size).toBe(3);
  for (const sequence of [1, CHUNK_MESSAGES_MAX, CHUNK_MESSAGES_MAX + 1, last]) {
    expect(await textAt(sequence)).toBe(`ü ${sequence}`);
    expect(await archive.covers(sequence)).toBe(true);
  }
  expect(await archive.covers(last + 1)).toBe(false);
  expect(await textAt(last + 1)).toBeUndefined();
});

test('large messages fill a chunk sooner', async () => {
  const text = 'x'.repeat(3 * 1024 * 1024);
  await archive.write(messages(1, 3, text), { last: 3, nowMs: 1 });
  expect(objects.objects.size).toBe(3);
  expect(await textAt(2)).toBe(`${text} 2`);
});

test('bytes that are no text come back too, and what the log did not have is covered', async () => {
  const data = new Uint8Array([0xff, 0x00, 0xfe]);
  const write = async function* () {
    yield { sequence: 1, data };
  };
  await archive.write(write(), { last: 4, nowMs: 1 });
  expect(await archive.message(1)).toEqual(Buffer.from(data));
  expect(await archive.covers(4)).toBe(true);
  expect(await archive.message(4)).toBeUndefined();
});

test('of two that overlap the one written later tells what the log had', async () => {
  await archive.write(messages(1, 10, 'old'), { last: 10, nowMs: 1 });
  await archive.write(messages(5, 8, 'new', [6]), { last: 8, nowMs: 2 });
  expect(await Promise.all([4, 5, 6, 8, 9].map(textAt))).toEqual([
    ...['old 4', 'new 5', undefined, 'new 8', 'old 9'],
  ]);
});

test('a chunk of another service is found, and one that is gone is an error', async () => {
  const other = new Archive(objects);
  expect(await archive.covers(1)).toBe(false);
  await other.write(messages(1, 3, 'a'), { last: 3, nowMs: 1 });
  expect(await textAt(2)).toBe('a 2');
  await other.write(messages(4, 6, 'b'), { last: 6, nowMs: 2 });
  expect(await archive.covers(5)).toBe(true);
  objects.objects.delete((await objects.list('archive.')).at(-1) ?? '');
  await expect(archive.message(5)).rejects.toThrow('archive is damaged');
});
