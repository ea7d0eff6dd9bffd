import { ROLLUPS } from '#contracts/tables.ts';
import { readCounts } from '../../../services/alerting/counts.ts';
import type { CountsRequest, Query } from '../../../services/alerting/rollup.ts';
import type { Plant } from './main.ts';

const SERVICES = 1_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** Four pairs of windows as the SRE Workbook has them; the last is that of the budget as well. */
const ALERT_WINDOWS_MS = [5 * MINUTE_MS, HOUR_MS, 30 * MINUTE_MS, 6 * HOUR_MS, 2 * HOUR_MS, DAY_MS];
const FINE_HOURS = 6;

export interface Objectives {
  services: number;
  days: number;
  rows: { fine: number; minute: number };
  /** Windows of up to a day, which every evaluation reads. */
  oftenMs: number[];
  /** Those, 3 days and the budget's whole window: once a minute. */
  allMs: number[];
}

/** An evaluation of 1,000 objectives with 8 windows each over so many days of every minute. */
export async function measureObjectives(
  { clickhouse }: Plant,
  { rounds, days }: { rounds: number; days: number },
): Promise<Objectives> {
  const untilMs = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS;
  const query: Query = (sql, parameters) => clickhouse.query(sql, parameters);
  await fill(clickhouse, { untilMs, days });
  const requests = (windowsMs: readonly number[]): CountsRequest[] =>
    Array.from({ length: SERVICES }, (_, service) => ({
      selector: { by: 'service', service: `shop/service-${service}` },
      good: { by: 'class', classes: ['2xx', '4xx'] },
      windowsMs,
    }));
  const often = requests(ALERT_WINDOWS_MS);
  const all = requests([...ALERT_WINDOWS_MS, 3 * DAY_MS, days * DAY_MS]);
  const found: Objectives = {
    ...{ services: SERVICES, days, rows: await rowsOf(clickhouse), oftenMs: [], allMs: [] },
  };
  for (let round = 0; round <= rounds; round++) {
    for (const [asked, times] of [
      [often, found.oftenMs],
      [all, found.allMs],
    ] as const) {
      const startedMs = performance.now();
      await readCounts(query, asked, untilMs);
      if (round > 0) times.push(performance.now() - startedMs);
    }
  }
  return found;
}

/** Two status classes of each service in every step; a day at a time. */
async function fill(
  clickhouse: Plant['clickhouse'],
  { untilMs, days }: { untilMs: number; days: number },
): Promise<void> {
  const into = (table: string, span: { startMs: number; steps: number; seconds: number }) =>
    clickhouse.command(
      `INSERT INTO ${table} (time, destination, source, direction, status_class, reason,
         log_epoch, revision, requests, durations)
       SELECT toDateTime(${span.startMs / 1_000} +
           intDiv(number, ${SERVICES * 2}) * ${span.seconds}),
         concat('shop/service-', toString(intDiv(number, 2) % ${SERVICES})), 'Gateway/shop/edge',
         'edge', if(number % 2 = 0, '2xx', '5xx'), 'ok', 1, 7, if(number % 2 = 0, 100, 1),
         map(toUInt16(350), toUInt64(1))
       FROM numbers(${span.steps * SERVICES * 2})`,
    );
  for (let day = days; day > 0; day--) {
    // Rows of hours are made of them by their view.
    const startMs = untilMs - day * DAY_MS;
    await into(ROLLUPS.edgesMinute.table, { startMs, steps: 1_440, seconds: 60 });
  }
  const startMs = untilMs - FINE_HOURS * HOUR_MS;
  const { table } = ROLLUPS.edges;
  // Into the table itself, past its view: the minutes are there already.
  await clickhouse.command(`DROP VIEW ${ROLLUPS.edgesMinute.table}_view`);
  await into(table, { startMs, steps: FINE_HOURS * 360, seconds: 10 });
}

async function rowsOf(clickhouse: Plant['clickhouse']): Promise<Objectives['rows']> {
  const count = async (table: string): Promise<number> => {
    const [row] = await clickhouse.query<{ n: number }>(`SELECT count() AS n FROM ${table}`);
    return Number(row?.n);
  };
  const { edges, edgesMinute } = ROLLUPS;
  return { fine: await count(edges.table), minute: await count(edgesMinute.table) };
}
