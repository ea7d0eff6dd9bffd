import { quantile } from '../config/time.ts';
import { machineText } from '../proxy/results.ts';
import { spread, tableText } from '../tables.ts';
import type { Measured } from './main.ts';
import type { Drained, Engine } from './engine.ts';
import type { Objectives } from './objectives.ts';
import type { Pipeline } from './pipeline.ts';
import type { Panels } from './panels.ts';
import type { Storing } from './storing.ts';

const HOW = `What storing and reading cost. Written by

    npm run bench -- analytics --rounds ROUNDS --results test/bench/analytics/RESULTS.md

ClickHouse is the one that tests start: a library in a process of its own, which shares the cores of
the machine below with this one. Figures are median (least–most).
`;
const ROWS_PER_CORE_LEAST = 500_000;
const BYTES_MOST = 40;
const OBJECTIVES_MOST_MS = 1_000;

export function resultsText(measured: Measured): string {
  return [
    '# Results: analytics and objectives',
    HOW.replace('ROUNDS', String(measured.rounds)),
    tablesText(measured),
    '## Where',
    machineText(measured.rounds, ['ClickHouse 26.7']),
    '',
  ].join('\n');
}

export function tablesText({ engine, objectives, panels, pipeline, storing }: Measured): string {
  const tables: string[] = [];
  if (pipeline !== undefined) tables.push(pipelineTable(pipeline));
  if (engine !== undefined) tables.push(engineTable(engine));
  if (storing !== undefined) tables.push(storingTable(storing));
  if (panels !== undefined) tables.push(panelsTable(panels));
  if (objectives !== undefined) tables.push(objectivesTable(objectives));
  return tables.join('\n');
}

function storingTable({ bytesPerRow, cases, rows }: Storing): string {
  const lines = cases.map(({ name, ownUs, rowsPerSecond, serverUs }) => {
    const perCore = 1e6 / quantile(ownUs, 0.5);
    return [
      ...[name, spread(rowsPerSecond, 0), spread(serverUs, 2), spread(ownUs, 2)],
      `${perCore.toFixed(0)} (${perCore >= ROWS_PER_CORE_LEAST ? 'yes' : 'no'})`,
    ].join(' | ');
  });
  const heads = [
    ...['how', 'rows a second', 'ClickHouse, µs of processor time a row', 'this process, µs a row'],
    'that is rows a second and core of the consumer (500,000 or more)',
  ];
  return `## Records, ${rows} an insert

${tableText(heads, lines)}

A record takes ${sized(bytesPerRow.unnamed)} on disk, merged, and one whose client sent an
x-request-id of its own ${sized(bytesPerRow.named)}.
`;
}

function sized(bytes: number): string {
  const isSmall = bytes <= BYTES_MOST ? 'yes' : 'no';
  return `${bytes.toFixed(1)} bytes (${BYTES_MOST} or less: ${isSmall})`;
}

function objectivesTable({ allMs, days, oftenMs, rows, services }: Objectives): string {
  const line = (what: string, times: readonly number[]): string => {
    const isFast = quantile(times, 0.5) <= OBJECTIVES_MOST_MS;
    return [what, spread(times, 0), isFast ? 'yes' : 'no'].join(' | ');
  };
  const lines = [
    line('the six windows of up to a day', oftenMs),
    line(`all eight, of 3 and ${days} days too, as once a minute`, allMs),
  ];
  return `## ${services} objectives over ${days} days

Rows: ${rows.fine} of 10 s, ${rows.minute} of a minute.

${tableText(['an evaluation of', 'ms', '1,000 or less'], lines)}
`;
}

const PIPELINE_ROWS_LEAST = 150_000;
const FRESHNESS_MOST_MS = 2_000;

function pipelineTable(found: Pipeline): string {
  const { freshnessMs, halfRowsPerSecond, rowsPerSecond, seconds, sent, stored } = found;
  const p99 = quantile(freshnessMs, 0.99);
  const isFast = rowsPerSecond >= PIPELINE_ROWS_LEAST ? 'yes' : 'no';
  const isFresh = p99 <= FRESHNESS_MOST_MS ? 'yes' : 'no';
  const isWhole = sent.access === stored.access && sent.metrics === stored.metrics ? 'yes' : 'no';
  const lines = [
    `rows a second, for ${seconds.toFixed(0)} s | ${rowsPerSecond.toFixed(0)} | ` +
      `150,000 (${isFast})`,
    `age of the newest record at ${halfRowsPerSecond.toFixed(0)} rows a second, p99 ms | ` +
      `${p99.toFixed(0)} (median ${quantile(freshnessMs, 0.5).toFixed(0)}) | 2,000 (${isFresh})`,
    `records sent and stored | ${sent.access} and ${stored.access} | the same (${isWhole})`,
  ];
  return `## From Kafka into ClickHouse

Blocks of 1,000 records, and windows of metrics beside them, through a real Kafka and the analytics
service into every table and rollup. Senders, Kafka, service and ClickHouse share the cores.

${tableText(['what', 'figure', 'wanted'], lines)}
`;
}

function engineTable({ engine, rows, service }: Engine): string {
  const line = (name: string, { ownUs, rowsPerSecond, serverUs }: Drained): string =>
    [name, spread(rowsPerSecond, 0), spread(serverUs, 2), spread(ownUs, 2)].join(' | ');
  const lines = [line('the analytics service', service)];
  if (engine !== undefined) lines.push(line("ClickHouse's Kafka engine", engine));
  const heads = ['by', 'rows a second', 'ClickHouse, µs a row', 'the service, µs a row'];
  const absent = engine === undefined ? '\nThis build of ClickHouse has no Kafka engine.\n' : '';
  return `## ${rows} records that wait in Kafka

Blocks of 1,000 from four partitions into the same table, from the moment when somebody begins to
read; joining the consumer group is a part of it. The engine counts nothing, knows no
repeats and stores again what it had stored when it dies before its commit; the service keeps the
ledger.

${tableText(heads, lines)}
${absent}`;
}

const SLOWEST = 5;

function panelsTable({ ranges, records, series }: Panels): string {
  const lines = ranges.map(({ name, times, mostMs }) => {
    const all = times.flatMap(({ ms }) => ms);
    const p95 = quantile(all, 0.95);
    const figures = [quantile(all, 0.5), p95, Math.max(...all)].map((ms) => ms.toFixed(0));
    return [name, ...figures, `${mostMs} (${p95 <= mostMs ? 'yes' : 'no'})`].join(' | ');
  });
  const slowest = ranges.map(({ name, times }) => {
    const sorted = times
      .map(({ panel, ms }) => ({ panel, ms: quantile(ms, 0.5) }))
      .toSorted((a, b) => b.ms - a.ms)
      .slice(0, SLOWEST);
    const told = sorted.map(({ panel, ms }) => `${panel} ${ms.toFixed(0)} ms`);
    return `Slowest over ${name}: ${told.join('; ')}.`;
  });
  return `## Panels of the boards

${ranges[0]?.times.length ?? 0} queries over ${series} series in every step of each rollup
and ${records} records of a day.

${tableText(['range', 'median ms', 'p95 ms', 'longest ms', 'p95 at most'], lines)}

${slowest.join('\n')}
`;
}
