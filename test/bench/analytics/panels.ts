import { ROLLUPS } from '#contracts/tables.ts';
import { BOARDS, queriesOf } from '../../../dashboards/grafana/boards.ts';
import { type Expansion, expandSql } from '../../../dashboards/grafana/macros.ts';
import { POINTS_MAX } from '../../../dashboards/grafana/sql.ts';
import type { Plant } from './main.ts';

const SECOND = 1;
const MINUTE = 60;
const DAY_MS = 86_400_000;
/** Combinations of labels in every step of every rollup of a family. */
const SERIES = 300;
const FINE_HOURS = 24;
const RECORDS = 2_000_000;

export interface Panels {
  series: number;
  records: number;
  ranges: { name: string; days: number; mostMs: number; times: PanelTimes[] }[];
}

export interface PanelTimes {
  panel: string;
  ms: number[];
}

/** Every query of every board over a day and over 30 of a mesh's rows, everything chosen. */
export async function measurePanels({ clickhouse }: Plant, rounds: number): Promise<Panels> {
  const untilMs = Math.floor(Date.now() / 60_000) * 60_000;
  await fill(clickhouse, untilMs);
  const ranges = [
    { name: '24 h', days: 1, mostMs: 100 },
    { name: '30 d', days: 30, mostMs: 300 },
  ];
  const queries = Object.values(BOARDS).flatMap(queriesOf);
  const measured: Panels = { series: SERIES, records: RECORDS, ranges: [] };
  for (const range of ranges) {
    const expansion: Expansion = {
      fromMs: untilMs - range.days * DAY_MS,
      toMs: untilMs,
      intervalMs: (range.days * DAY_MS) / POINTS_MAX,
      variables: {
        direction: ['edge'],
        route: 'all',
        consumer: 'all',
        service: 'all',
        proxy: 'all',
      },
    };
    const times = queries.map(({ board, panel, refId }): PanelTimes => ({
      panel: `${board}: ${panel} ${refId}`,
      ms: [],
    }));
    for (let round = 0; round <= rounds; round++) {
      for (const [index, query] of queries.entries()) {
        const startedMs = performance.now();
        await clickhouse.table(expandSql(query.sql, expansion));
        if (round > 0) times[index]?.ms.push(performance.now() - startedMs);
      }
    }
    measured.ranges.push({ ...range, times });
  }
  return measured;
}

/** Minutes of 30 days, steps of 10 s and records of a day; hours are made of the minutes. */
async function fill(clickhouse: Plant['clickhouse'], untilMs: number): Promise<void> {
  const { routes, routesMinute, edges, edgesMinute, inbound } = ROLLUPS;
  const steps = (
    startMs: number,
    seconds: number,
  ): { startMs: number; steps: number; seconds: number } => ({
    ...{ startMs, seconds, steps: (untilMs - startMs) / 1_000 / seconds },
  });
  for (let day = 30; day > 0; day--) {
    const startMs = untilMs - day * DAY_MS;
    const span = { startMs, seconds: MINUTE, steps: 1_440 };
    await rows(clickhouse, routesMinute.table, ROUTE_LABELS, span);
    await rows(clickhouse, edgesMinute.table, EDGE_LABELS, span);
  }
  // Past their views: the minutes of this day are there already.
  for (const { table } of [routesMinute, edgesMinute]) {
    await clickhouse.command(`DROP VIEW ${table}_view`);
  }
  const fine = steps(untilMs - FINE_HOURS * 3_600_000, 10 * SECOND);
  await rows(clickhouse, routes.table, ROUTE_LABELS, fine);
  await rows(clickhouse, edges.table, EDGE_LABELS, fine);
  await rows(clickhouse, inbound.table, INBOUND_LABELS, fine);
  await clickhouse.command(
    `INSERT INTO records (time, request_id, trace_id, proxy, role, direction, log_epoch, revision,
       consumer, client_address, source, destination, route, backend, endpoint, method, host,
       path_template, path, status, grpc_status, reason, duration_us, weight)
     SELECT fromUnixTimestamp64Milli(${untilMs - DAY_MS} + intDiv(number * ${DAY_MS}, ${RECORDS}))
         AS time,
       hex(sipHash128(number)), hex(sipHash128(number, 1)), concat('gw-', toString(number % 3)),
       'gateway', 'edge', 1, intDiv(number, 200000), concat('shop/c', toString(number % 7)),
       '192.0.2.1', 'Gateway/shop/edge', concat('shop/s', toString(number % 20)),
       concat('shop/r', toString(number % 30)), concat('shop/s', toString(number % 20), ':80'),
       '10.0.0.1:8080', 'GET', 'shop.example', concat('/p', toString(number % 50)),
       concat('/p/', toString(number % 5000)), if(number % 50 = 0, 503, 200), -1,
       if(number % 50 = 0, 'upstream_timeout', 'ok'), 500 + (number * 7919) % 90000, 1
     FROM numbers(${RECORDS})`,
  );
  await clickhouse.command(
    `INSERT INTO blocks (stream, proxy, instance, worker, seq, schema, log_epoch, rows, served,
       min_time, max_time, topic, generation, partition, offset, time, stored_at)
     SELECT if(number % 2 = 0, 'access', 'metrics'), concat('gw-', toString(intDiv(number, 2) % 3)),
       concat('i', toString(intDiv(number, 2) % 3)), 0, intDiv(number, 6) + 1, 1, 1, 100,
       (intDiv(number, 6) + 1) * 100,
       fromUnixTimestamp64Milli(${untilMs - DAY_MS} + intDiv(number, 6) * 2000) AS time, time,
       'windrose.bench.access', 1, 0, number, time, time
     FROM numbers(${6 * (DAY_MS / 2_000)})`,
  );
}

/** Names as a mesh of 20 services and 30 routes has them, by the number of the series. */
const COMMON =
  "'edge' AS direction, if(n % 25 = 0, '5xx', '2xx') AS status_class, " +
  "if(n % 25 = 0, 'upstream_timeout', 'ok') AS reason";
const ROUTE_LABELS =
  "concat('shop/r', toString(n % 30)) AS route, " +
  "concat('shop/s', toString(n % 20)) AS destination, " +
  "concat('shop/s', toString(n % 20), ':80') AS backend, concat('shop/c', toString(n % 7)) AS " +
  `consumer, ${COMMON}, 1 AS log_epoch, intDiv(step, 20000) AS revision`;
const EDGE_LABELS =
  "concat('shop/s', toString(n % 20)) AS destination, if(n % 3 = 0, 'Gateway/shop/edge', " +
  `concat('shop/s', toString(n % 11))) AS source, ${COMMON}, 1 AS log_epoch, ` +
  'intDiv(step, 20000) AS revision';
const INBOUND_LABELS =
  "concat('shop/s', toString(n % 20)) AS destination, concat('sidecar-', toString(n % 60)) AS " +
  "proxy, if(n % 25 = 0, '5xx', '2xx') AS status_class, 'ok' AS reason";

async function rows(
  clickhouse: Plant['clickhouse'],
  table: string,
  labels: string,
  { startMs, steps, seconds }: { startMs: number; steps: number; seconds: number },
): Promise<void> {
  const names = [...labels.matchAll(/AS (\w+)(?:,|$)/g)].map(([, name]) => name);
  const columns = [
    'time',
    ...names,
    'requests',
    'errors',
    'bytes_out',
    'duration_us_sum',
    'durations',
  ];
  await clickhouse.command(
    `INSERT INTO ${table} (${columns.join(', ')})
     WITH number % ${SERIES} AS n, intDiv(number, ${SERIES}) AS step
     SELECT toDateTime(${startMs / 1_000} + step * ${seconds}), ${labels},
       10 + n, if(n % 25 = 0, 10 + n, 0), 1000, 5000 * (10 + n),
       mapFromArrays(arrayMap(i -> toUInt16(300 + (n + i * 7) % 200), range(8)),
         arrayMap(i -> toUInt64(1 + n % 5), range(8)))
     FROM numbers(${Math.floor(steps * SERIES)})`,
  );
}
