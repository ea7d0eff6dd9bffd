import { describe, expect, it } from 'vitest';
import { parseDurationMs, parseWindowMs } from '#contracts/duration.ts';
import { BUCKET_BASE, bucketMiddleUs, bucketOf, statusClassOf } from '#contracts/metrics.ts';
import { keyOf, refOf } from '#contracts/names.ts';
import { compareRevisions, formatRevision, parseRevision } from '#contracts/revision.ts';
import {
  type BlockHeaders,
  decodeBlockHeaders,
  encodeBlockHeaders,
  partitionOf,
} from '#contracts/topics.ts';

describe('durations', () => {
  it.each([
    ['0s', 0],
    ['500ms', 500],
    ['1m30s', 90_000],
    ['1h', 3_600_000],
    ['1h1m1s1ms', 3_661_001],
  ])('%s is %d ms', (text, expected) => expect(parseDurationMs(text)).toBe(expected));

  it.each(['', '10', 's', '1.5s', '-1s', '1s ', '1 s', '1d'])('%j is none', (text) =>
    expect(parseDurationMs(text)).toBeNaN(),
  );

  it('windows have one number and one unit', () => {
    expect(parseWindowMs('30d')).toBe(30 * 86_400_000);
    expect(parseWindowMs('30s')).toBe(30_000);
    expect(parseWindowMs('1h30m')).toBeNaN();
    expect(parseWindowMs('0d')).toBeNaN();
  });
});

describe('revisions', () => {
  it('are read in short and full form', () => {
    expect(parseRevision('42', 3)).toEqual({ epoch: 3, sequence: 42 });
    expect(parseRevision('2-42', 3)).toEqual({ epoch: 2, sequence: 42 });
    expect(formatRevision({ epoch: 2, sequence: 42 })).toBe('2-42');
  });

  it.each(['', 'x', '1-', '-1', '0-1', '1-2-3', '1.5'])('%j is none', (text) =>
    expect(parseRevision(text, 1)).toBeUndefined(),
  );

  it('are ordered by epoch, then by sequence', () => {
    const sorted = [
      { epoch: 2, sequence: 1 },
      { epoch: 1, sequence: 9 },
      { epoch: 1, sequence: 2 },
    ].sort(compareRevisions);
    expect(sorted.map(formatRevision)).toEqual(['1-2', '1-9', '2-1']);
  });
});

describe('keys', () => {
  it.each([
    { kind: 'Service', namespace: 'shop', name: 'reviews' },
    { kind: 'Mesh', name: 'default' },
  ])('%j survives the way there and back', (ref) => expect(refOf(keyOf(ref))).toEqual(ref));
});

describe('latency buckets', () => {
  it('stand for a duration within one per cent', () => {
    for (let us = 2; us < 4e9; us = us * 1.37 + 1) {
      const middle = bucketMiddleUs(bucketOf(us));
      expect(Math.abs(middle - us) / us).toBeLessThanOrEqual(Math.sqrt(BUCKET_BASE) - 1 + 1e-9);
    }
    expect(bucketOf(0)).toBe(0);
    expect(bucketOf(2 ** 32)).toBeLessThan(65_536);
  });

  it('status classes', () => {
    expect([0, 99, 100, 204, 399, 599, 600].map(statusClassOf)).toEqual([
      'none',
      'none',
      '1xx',
      '2xx',
      '3xx',
      '5xx',
      'none',
    ]);
  });
});

describe('block headers', () => {
  const headers: BlockHeaders = {
    schema: 1,
    proxy: 'edge',
    instance: 'a1',
    worker: 2,
    seq: 7,
    logEpoch: 1,
    rows: 10,
    served: 70,
    sampledOut: 1,
    dropped: 2,
    minTs: 5,
    maxTs: 6,
    end: 0,
    bound: 0,
  };

  it('survive the way through Kafka, whose client gives buffers', () => {
    const raw = Object.entries(encodeBlockHeaders(headers)).map(([name, value]) => [
      name,
      Buffer.from(value),
    ]);
    expect(decodeBlockHeaders(Object.fromEntries(raw))).toEqual(headers);
  });

  it('are refused when one is absent or no whole number', () => {
    const { seq: _, ...without } = encodeBlockHeaders(headers);
    expect(decodeBlockHeaders(without)).toBeUndefined();
    expect(decodeBlockHeaders({ ...encodeBlockHeaders(headers), seq: 'x' })).toBeUndefined();
  });

  it('the partition is stable and spreads workers', () => {
    const partitions = Array.from({ length: 64 }, (_, worker) => partitionOf('gw', worker, 8));
    expect(new Set(partitions).size).toBe(8);
    expect(partitionOf('gw', 3, 8)).toBe(partitions[3]);
  });
});
