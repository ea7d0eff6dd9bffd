import type { Command } from 'commander';
import type { SloTest, SloTestAlert } from '#contracts/api/alerting.ts';
import { usage } from '../errors.ts';
import { readResources, timeOf } from '../input.ts';
import type { Io } from '../io.ts';
import { age, count, percent } from '../output/format.ts';
import { print } from '../output/print.ts';
import { table } from '../output/table.ts';
import { type ServerOptions, otherServer } from '../servers.ts';
import { type OutputOptions, addVerb, withOutput, withServer } from '../verb.ts';

interface Options extends ServerOptions, OutputOptions {
  filename: string[];
  since: string;
  until?: string;
}

export function addSloTest(slo: Command, io: Io): void {
  const command = addVerb(slo, {
    usage: 'test',
    summary: 'when objectives in files would have fired, by what is stored; changes nothing',
    examples: [
      'windrose slo test -f slo.yaml --since 7d',
      'windrose slo test -f slo.yaml --since 2026-06-01T00:00:00Z --until 2026-06-02T00:00:00Z',
    ],
  })
    .requiredOption('-f, --filename <path...>', 'files, folders, or - for standard input')
    .option('--since <time>', 'RFC 3339, or how long ago, such as 7d', '7d')
    .option('--until <time>', 'RFC 3339, or how long ago (default: up to what is stored)');
  withServer(withOutput(command)).action(async (options: Options) => {
    const resources = await readResources(io, options.filename);
    const slos = resources.filter(({ kind }) => kind === 'SLO');
    if (slos.length === 0) throw usage(`there is no SLO in ${options.filename.join(', ')}`);
    const since = timeOf(io, '--since', options.since);
    const until =
      options.until === undefined ? {} : { until: timeOf(io, '--until', options.until) };
    const client = await otherServer(io, options, 'alerting');
    const items: SloTest[] = [];
    for (const one of slos) {
      items.push(await client.post<SloTest>('/v1/slos/test', { slo: one, since, ...until }));
    }
    print(io, options.output, { items }, () => items.map(textOf).join('\n\n'));
  });
}

function textOf(test: SloTest): string {
  const { alerts, from, good, ratio, slo, total, until } = test;
  const left = `${percent(test.budgetLeft)} of its budget left`;
  const answered =
    ratio === undefined
      ? 'there was no traffic'
      : `${percent(ratio, 2)} good (${good} of ${total}), ${left}`;
  const head = [`${slo}, from ${from} until ${until}`, answered];
  if (alerts.length === 0) return [...head, 'it would not have fired'].join('\n');
  const fired = `it would have fired ${count(alerts.length, 'time')}`;
  return [...head, fired, '', alertTable(test)].join('\n');
}

function alertTable({ alerts, until }: SloTest): string {
  return table<SloTestAlert>(
    [
      { title: 'FROM', value: ({ startedAt }) => startedAt },
      { title: 'UNTIL', value: ({ resolvedAt }) => resolvedAt ?? 'still firing' },
      {
        title: 'FOR',
        value: ({ resolvedAt, startedAt }) =>
          age(Date.parse(startedAt), Date.parse(resolvedAt ?? until)),
        align: 'right',
      },
      { title: 'POLICY', value: ({ policy }) => policy },
      { title: 'SEVERITY', value: ({ severity }) => severity },
      {
        title: 'HIGHEST BURN RATE',
        value: ({ highestRate }) => highestRate.toFixed(1),
        align: 'right',
      },
    ],
    alerts,
  );
}
