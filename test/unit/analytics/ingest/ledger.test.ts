import type { ClickHouse } from '#platform/clickhouse.ts';
import { expect, test } from 'vitest';
import type { Block } from '../../../../services/analytics/ingest/block.ts';
import { Ledger } from '../../../../services/analytics/ingest/ledger.ts';

const headers = {
  ...{ schema: 1, proxy: 'p', instance: 'i', worker: 0, seq: 1, logEpoch: 1, rows: 1, served: 1 },
  ...{ sampledOut: 0, dropped: 0, minTs: 1, maxTs: 1, end: 0, bound: 0 },
};
const block: Block = { headers, offset: 1n, storedMs: 1, body: Buffer.alloc(1), clamped: false };

test('an answer from before an assignment is not remembered in it', async () => {
  const answers: ((rows: object[]) => void)[] = [];
  const clickhouse = {
    query: () => new Promise((resolve) => answers.push(resolve as (rows: object[]) => void)),
  } as unknown as ClickHouse;
  const ledger = new Ledger(clickhouse);
  const before = ledger.learn('access', [block]);
  ledger.forget();
  answers[0]?.([]);
  expect((await before).stored(headers)).toBe(false);
  // Another member has stored the block meanwhile: that must be asked for, not remembered.
  const after = ledger.learn('access', [block]);
  expect(answers).toHaveLength(2);
  answers[1]?.([{ instance: 'i', worker: 0, first: 1, last: 1 }]);
  expect((await after).stored(headers)).toBe(true);
});
