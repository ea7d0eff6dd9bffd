import { versions } from '#local/settings.ts';
import { quantile } from '../config/time.ts';
import { machineText } from '../proxy/results.ts';
import { spread, tableText } from '../tables.ts';
import type { Mode } from './contract.ts';
import type { Measured } from './main.ts';
import type { RecordCost } from './record.ts';
import type { Share } from './share.ts';

const RESULTS = 'test/bench/telemetry/RESULTS.md';
const RECORD_MOST_US = 1.5;
const SHARE_MOST = 0.05;

export function resultsText(measured: Measured): string {
  return [
    '# Results: what telemetry costs a proxy',
    'Written by\n',
    `    npm run bench -- telemetry --rounds ${measured.rounds} --results ${RESULTS}`,
    '\nFigures are median (least–most).\n',
    tablesText(measured),
    '## Where',
    machineText(measured.rounds, [`Kafka ${versions.kafka}`]),
    '',
  ].join('\n');
}

export function tablesText({ records, shares }: Measured): string {
  const tables: string[] = [];
  if (records !== undefined) tables.push(recordTable(records));
  if (shares !== undefined) tables.push(shareTable(shares));
  return tables.join('\n');
}

function recordTable(costs: readonly RecordCost[]): string {
  const lines = costs.map(({ name, us }) => {
    const isCheap = quantile(us, 0.5) <= RECORD_MOST_US ? 'yes' : 'no';
    return [name, spread(us, 2), isCheap].join(' | ');
  });
  return `## On the request thread

${tableText(['what is recorded', 'µs a request', `${RECORD_MOST_US} or less`], lines)}
`;
}

/** Of each round, since what the machine does meanwhile meets both. */
function overOff(share: Share, mode: Mode): number[] {
  return share.cpuUs[mode].map((us, round) => us / (share.cpuUs.off[round] ?? us) - 1);
}

function shareTable(shares: readonly Share[]): string {
  const percent = (values: readonly number[]): string =>
    `${spread(
      values.map((value) => value * 100),
      1,
    )} %`;
  const lines = shares.map((share) => {
    const on = overOff(share, 'on');
    return [
      ...[share.scenario, spread(share.cpuUs.off, 1), spread(share.cpuUs.on, 1)],
      ...[percent(overOff(share, 'metrics')), percent(on)],
      quantile(on, 0.5) <= SHARE_MOST ? 'yes' : 'no',
      ...[spread(share.p99Us.off, 0), spread(share.p99Us.on, 0)],
    ].join(' | ');
  });
  const heads = [
    ...['scenario', 'off, µs of processor time a request', 'on, µs'],
    ...['metrics alone', 'on', `${SHARE_MOST * 100} % or less`, 'p99 off, µs', 'p99 on, µs'],
  ];
  return `## On against off

A proxy on one core, ${shares[0]?.requests ?? 0} requests over 64 connections; \`on\` ships
records and metrics to a real Kafka from its second thread, whose time is counted too; \`off\`
records nothing.

${tableText(heads, lines)}
`;
}
