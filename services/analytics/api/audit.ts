import type { AuditResponse } from '#contracts/api/analytics.ts';
import { TABLES } from '#contracts/tables.ts';
import type { ClickHouse } from '#platform/clickhouse.ts';
import type { Clock } from '#platform/clock.ts';
import { ask } from './ask.ts';

type Item = AuditResponse['items'][number];

/** What the ledger says of one worker. */
export interface LedgerLine {
  proxy: string;
  instance: string;
  worker: number;
  blocks: number;
  newestSeq: number;
  /** Rows of all its blocks. */
  stored: number;
  /** Totals of its newest block. */
  served: number;
  sampledOut: number;
  dropped: number;
  /** 0 lives, 1 ended cleanly, 2 crashed. */
  end: number;
  bound: number;
  /** All its rows are young enough to be in the table still. */
  kept: number;
}

/** Workers that stored something in so many days are looked at; their rows are kept for longer. */
const DAYS = 6;
/** Rows are counted of those whose first is not older, so that none of them has expired. */
const ROWS_DAYS = 5;

const LEDGER_SQL = `
SELECT
  any(proxy) AS proxy, instance, worker,
  uniqExact(seq) AS blocks,
  max(seq) AS newestSeq,
  sum(rows) AS stored,
  argMax(served, seq) AS served,
  argMax(sampled_out, seq) AS sampledOut,
  argMax(dropped, seq) AS dropped,
  argMax(end, seq) AS end,
  argMax(bound, seq) AS bound,
  minIf(min_time, rows > 0) > now64(3) - INTERVAL ${ROWS_DAYS} DAY OR stored = 0 AS kept
FROM ${TABLES.blocks}
WHERE stream = 'access'
GROUP BY instance, worker
HAVING max(stored_at) > now64(3) - INTERVAL ${DAYS} DAY
ORDER BY proxy, instance, worker
LIMIT 10000`;

const ROWS_SQL = `
SELECT instance, worker, count() AS rows FROM ${TABLES.records}
WHERE time > now64(3) - INTERVAL ${ROWS_DAYS} DAY
GROUP BY instance, worker`;

/** Between the rows of an insert and its line in the ledger may lie so much. */
const SETTLE_MS = 5_000;
const LOOK_MS = 250;

/**
 * Is every record accounted for? For each worker the totals in its newest block must equal what
 * the ledger has of its blocks, and the ledger must agree with the rows that are really there.
 *
 * Rows go in before their line in the ledger. So under traffic there are, at any moment, at least
 * the rows of the ledger as it was before the count, and at most those of the ledger a moment
 * later: that is what is compared, and nothing has to stand still for it.
 */
export async function readAudit(clickhouse: ClickHouse, clock: Clock): Promise<AuditResponse> {
  const before = await ask<LedgerLine>(clickhouse, LEDGER_SQL, {});
  const counted = await ask<{ instance: string; worker: number; rows: number }>(
    clickhouse,
    ROWS_SQL,
    {},
  );
  const rows = new Map(counted.map((row) => [keyOf(row), row.rows]));
  const least = new Map(before.map((line) => [keyOf(line), line.stored]));
  const endMs = clock.nowMs() + SETTLE_MS;
  for (;;) {
    const after = await ask<LedgerLine>(clickhouse, LEDGER_SQL, {});
    const items = after.map((line) =>
      auditLine(line, {
        least: least.get(keyOf(line)) ?? 0,
        rows: rows.get(keyOf(line)) ?? 0,
      }),
    );
    const unknown = rowsWithoutLedger(rows, after);
    const settling =
      unknown.length > 0 || after.some((line) => (rows.get(keyOf(line)) ?? 0) > line.stored);
    if (!settling || clock.nowMs() > endMs) {
      const all = [...items, ...unknown];
      return { ok: all.every((item) => item.ok), items: all };
    }
    await new Promise<void>((resolve) => {
      clock.after(LOOK_MS, resolve);
    });
  }
}

/** One worker's sum. `rows`: what the table has of it, counted when the ledger had `least`. */
export function auditLine(line: LedgerLine, found: { least: number; rows: number }): Item {
  const { served, sampledOut, dropped, end, bound, blocks, newestSeq } = line;
  const agree = line.kept === 0 || (found.rows >= found.least && found.rows <= line.stored);
  const stored = agree ? line.stored : found.rows;
  const rest = served - stored - sampledOut - dropped;
  const crashed = end === 2;
  return {
    proxy: line.proxy,
    instance: line.instance,
    worker: line.worker,
    served,
    stored,
    sampledOut,
    dropped,
    // Only a crash explains what is missing; more rows than served are never right.
    crashLost: crashed ? Math.max(0, rest) : 0,
    bound: crashed ? bound : 0,
    blocks,
    blocksMissing: newestSeq - blocks,
    ok: agree && (crashed ? rest >= 0 : rest === 0),
  };
}

/** Rows of a worker that the ledger knows nothing of. */
function rowsWithoutLedger(
  rows: ReadonlyMap<string, number>,
  ledger: readonly LedgerLine[],
): Item[] {
  const known = new Set(ledger.map(keyOf));
  return [...rows].flatMap(([key, stored]) => {
    if (known.has(key)) return [];
    const [worker = '', instance = ''] = key.split(/\/(.*)/s);
    return [
      {
        ...{ proxy: '', instance, worker: Number(worker), served: 0, stored },
        ...{ sampledOut: 0, dropped: 0, crashLost: 0, bound: 0, blocks: 0, blocksMissing: 0 },
        ok: false,
      },
    ];
  });
}

function keyOf({ instance, worker }: { instance: string; worker: number }): string {
  return `${worker}/${instance}`;
}
