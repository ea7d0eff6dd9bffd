import { readFileSync, readdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FakeClock } from '#platform/clock.ts';
import type { NumberedBlock, Stream } from '#proxy/telemetry/shipper/protocol.ts';
import { DiskOverflow } from '#proxy/telemetry/shipper/overflow.ts';
import { BlockQueue, type Overflow, type WaitingBlock } from '#proxy/telemetry/shipper/queue.ts';
import { Spool, dropOrphans, spooledBytes } from '#proxy/telemetry/shipper/spool.ts';
import { tempDir } from '#test/parts.ts';
import { describe, expect, test } from 'vitest';

const OWNER = { instance: 'i1', worker: 0, stream: 'access' } as const;

function block(seq: number, stream: Stream = 'access', size = 1_000): NumberedBlock {
  return {
    ...{ stream, seq, rows: 2, served: seq * 2, sampledOut: 1, schema: 1, logEpoch: 3 },
    ...{ minTs: 5, maxTs: 6, bytes: new Uint8Array(size).fill(seq) },
  };
}

const metaOf = ({ bytes: _, ...meta }: NumberedBlock) => meta;

describe('a spool', () => {
  test('gives back what was written, by its number, until it is deleted', () => {
    const root = tempDir();
    const spool = new Spool(root, OWNER);
    expect(spool.list()).toEqual([]);
    for (const seq of [10, 9, 2]) spool.write(metaOf(block(seq)), block(seq).bytes);
    const after = new Spool(root, OWNER);
    expect(after.list()).toEqual([2, 9, 10]);
    expect(after.read(9)).toEqual({ meta: metaOf(block(9)), bytes: Buffer.from(block(9).bytes) });
    after.delete(9);
    after.delete(9);
    expect(after.read(9)).toBeUndefined();
    expect(after.list()).toEqual([2, 10]);
    expect(new Spool(root, { ...OWNER, worker: 1 }).list()).toEqual([]);
    after.remove();
    expect(readdirSync(root)).toEqual([]);
  });

  test('is for its owner alone', () => {
    const root = tempDir();
    new Spool(root, OWNER).write(metaOf(block(1)), block(1).bytes);
    const dir = join(root, 'i1.0.access');
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    const [name = ''] = readdirSync(dir);
    expect(statSync(join(dir, name)).mode & 0o777).toBe(0o600);
  });

  test('cut off anywhere, or changed anywhere, a block is none', () => {
    const root = tempDir();
    const spool = new Spool(root, OWNER);
    const small = block(1, 'access', 40);
    spool.write(metaOf(small), small.bytes);
    const [name = ''] = readdirSync(join(root, 'i1.0.access'));
    const file = join(root, 'i1.0.access', name);
    const whole = readFileSync(file);
    for (let length = whole.length - 1; length >= 0; length--) {
      truncateSync(file, length);
      expect(spool.read(1), `${length} bytes`).toBeUndefined();
    }
    for (let at = 0; at < whole.length; at++) {
      const changed = Buffer.from(whole);
      changed[at] = (changed[at] ?? 0) ^ 1;
      writeFileSync(file, changed);
      expect(spool.read(1), `byte ${at}`).toBeUndefined();
    }
    writeFileSync(file, whole);
    expect(spool.read(1)?.meta).toEqual(metaOf(small));
  });

  test('of which no ledger tells is deleted', () => {
    const root = tempDir();
    for (const worker of [0, 1]) {
      new Spool(root, { ...OWNER, worker }).write(metaOf(block(1)), block(1).bytes);
    }
    expect(spooledBytes(root)).toBeGreaterThan(2_000);
    expect(dropOrphans(root, (name) => name === 'i1.1.access')).toEqual(['i1.0.access']);
    expect(readdirSync(root)).toEqual(['i1.1.access']);
    expect(dropOrphans(join(root, 'absent'), () => false)).toEqual([]);
  });
});

describe('the queue', () => {
  /** Room for so many blocks. */
  function overflow(room: number): Overflow & { taken: string[]; failing: boolean } {
    const taken: string[] = [];
    const nameOf = ({ stream, seq }: WaitingBlock) => `${stream} ${seq}`;
    return {
      taken,
      failing: false,
      take(one) {
        if (this.failing) return 'failed';
        if (taken.length >= room) return 'full';
        taken.push(nameOf(one));
        return 'taken';
      },
      forget: (one) => void taken.splice(taken.indexOf(nameOf(one)), 1),
    };
  }
  const names = (blocks: readonly WaitingBlock[]) =>
    blocks.map(({ seq, stream }) => `${stream} ${seq}`);

  test('puts the oldest access blocks away first, then metrics, and keeps the order', () => {
    const away = overflow(9);
    const queue = new BlockQueue(3_500, away);
    const dropped = [block(1), block(1, 'metrics'), block(2), block(3)].flatMap((one) =>
      queue.push(one),
    );
    expect([dropped, away.taken]).toEqual([[], ['access 1', 'access 2']]);
    expect(queue.bytes).toBeLessThanOrEqual(3_500);
    for (const seq of [1, 2, 3]) {
      const next = queue.hold('access');
      expect(next?.seq).toBe(seq);
      expect(next?.bytes === undefined).toBe(seq < 3);
      if (next !== undefined) queue.done(next);
    }
    expect(away.taken).toEqual([]);
    expect(queue.hold('metrics')?.bytes).toBeDefined();
  });

  test('drops the oldest where there is no room, wherever it is, and metrics last', () => {
    const away = overflow(2);
    const queue = new BlockQueue(2_000, away);
    queue.push(block(1, 'metrics'));
    const dropped: WaitingBlock[] = [];
    for (const seq of [1, 2, 3, 4]) dropped.push(...queue.push(block(seq)));
    expect(names(dropped)).toEqual(['access 1', 'access 2']);
    expect(away.taken).toEqual(['access 3', 'access 4']);
    expect(queue.hold('metrics')).toBeDefined();
    expect(queue.bytes).toBeLessThanOrEqual(2_000);
  });

  test('leaves alone what is put away where nothing can be added to it', () => {
    const away = overflow(9);
    const queue = new BlockQueue(2_000, away);
    for (const seq of [1, 2, 3]) queue.push(block(seq));
    expect(away.taken).toEqual(['access 1', 'access 2']);
    away.failing = true;
    expect(names(queue.push(block(4)))).toEqual(['access 3']);
    expect(away.taken).toEqual(['access 1', 'access 2']);
  });

  test('never drops nor moves what is being sent', () => {
    const queue = new BlockQueue(2_000, overflow(0));
    queue.push(block(1));
    const held = queue.hold('access');
    expect(names([block(2), block(3)].flatMap((one) => queue.push(one)))).toEqual([
      ...['access 2', 'access 3'],
    ]);
    expect(held?.bytes).toBeDefined();
  });
});

describe('the disk behind it', () => {
  function start(bytesMax: number, root = tempDir()) {
    const clock = new FakeClock();
    const logs: string[] = [];
    const spools = {
      access: new Spool(root, OWNER),
      metrics: new Spool(root, { ...OWNER, stream: 'metrics' }),
    };
    const log = (level: string, message: string) => void logs.push(`${level} ${message}`);
    const disk = new DiskOverflow({ root, spools, bytesMax, clock, log });
    const waiting = (seq: number): WaitingBlock => ({ ...block(seq), size: 1_000 });
    return { clock, logs, disk, waiting, root };
  }

  test('holds its bound together with the spools of others', () => {
    const { disk, waiting, root } = start(4_000);
    const other = new Spool(root, { ...OWNER, instance: 'before' });
    other.write(metaOf(block(1)), block(1).bytes);
    expect([1, 2].map((seq) => disk.take(waiting(seq)))).toEqual(['taken', 'full']);
    expect(disk.blocks).toBe(1);
    disk.forget(waiting(1));
    other.remove();
    expect([2, 3, 4].map((seq) => disk.take(waiting(seq)))).toEqual(['taken', 'taken', 'full']);
  });

  test('that fails is told once, left alone for a while, and told when it works again', () => {
    const root = join(tempDir(), 'spool');
    writeFileSync(root, 'a file where the folder should be');
    const { clock, disk, logs, waiting } = start(1e9, root);
    expect([1, 2].map((seq) => disk.take(waiting(seq)))).toEqual(['failed', 'failed']);
    clock.advance(30_000);
    expect(disk.take(waiting(3))).toBe('failed');
    expect(logs).toEqual(['error the disk does not take blocks of telemetry']);
    expect([disk.blocks, disk.bytes]).toEqual([0, 0]);
  });
});
