import { type ClickHouse, ClickHouseFailure } from '#platform/clickhouse.ts';
import { describe, expect, test } from 'vitest';
import type { Block } from '../../../../services/analytics/ingest/block.ts';
import { storeBlocks } from '../../../../services/analytics/ingest/store.ts';
import { recordBlock } from '../../../integration/analytics/mesh.ts';

const headers = {
  ...{ schema: 1, proxy: 'p', instance: 'i', worker: 0, logEpoch: 1, rows: 1, served: 1 },
  ...{ sampledOut: 0, dropped: 0, minTs: 1, maxTs: 1, end: 0, bound: 0 },
};
const block = (seq: number): Block => ({
  headers: { ...headers, seq },
  offset: BigInt(seq),
  storedMs: 1,
  body: Buffer.from([seq]),
  clamped: false,
});
const refusal = (type: string): ClickHouseFailure => new ClickHouseFailure('refused', type, type);

/** `judge` says of each insert why it is refused; what was stored is kept. */
function server(judge: (bodies: readonly Uint8Array[], table: string) => Error | undefined) {
  const stored: number[] = [];
  const clickhouse = {
    async insertNative(table: string, bodies: readonly Uint8Array[]) {
      const error = judge(bodies, table);
      if (error !== undefined) throw error;
      if (table === 'records') stored.push(...bodies.flatMap((body) => [...body]));
    },
  } as Partial<ClickHouse> as ClickHouse;
  return { clickhouse, stored };
}

test('a block that cannot be read is returned, the others are stored', async () => {
  const { clickhouse, stored } = server((bodies) =>
    bodies.some((body) => body[0] === 2) ? refusal('CANNOT_READ_ALL_DATA') : undefined,
  );
  const refused = await storeBlocks(clickhouse, 'access', [block(1), block(2), block(3)], 'token');
  expect(refused.map((each) => each.block.headers.seq)).toEqual([2]);
  expect(stored).toEqual([1, 3]);
});

test.each(['AUTHENTICATION_FAILED', 'UNKNOWN_DATABASE', 'ABORTED'])(
  'a server that refuses everything (%s) condemns no block',
  async (type) => {
    const { clickhouse } = server(() => refusal(type));
    await expect(storeBlocks(clickhouse, 'access', [block(1), block(2)], 't')).rejects.toThrow(
      type,
    );
  },
);

describe('a block for which a server has no memory', () => {
  const whole = (seq: number): Block => {
    const { schema } = headers;
    return { ...block(seq), body: Buffer.from(recordBlock([{ path: `/${seq}` }], {}, schema)) };
  };
  const poor = (refused: Block) =>
    server((bodies) =>
      // Of several, merged: the others are tried alone.
      bodies.length > 1 || bodies[0] === refused.body
        ? refusal('MEMORY_LIMIT_EXCEEDED')
        : undefined,
    );

  test('is not condemned for it', async () => {
    const large = whole(2);
    const { clickhouse } = poor(large);
    await expect(storeBlocks(clickhouse, 'access', [large], 't')).rejects.toThrow(
      'MEMORY_LIMIT_EXCEEDED',
    );
  });

  test('is, when it is no whole block of its columns', async () => {
    const cut = { ...whole(2), body: whole(2).body.subarray(0, -1) };
    const { clickhouse, stored } = poor(cut);
    const good = whole(1);
    const refused = await storeBlocks(clickhouse, 'access', [good, cut], 't');
    expect(refused.map((each) => each.block.headers.seq)).toEqual([2]);
    expect(stored).toEqual([...good.body]);
  });
});
