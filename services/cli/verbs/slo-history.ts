import type { Command } from 'commander';
import type { BudgetHistory } from '#contracts/api/alerting.ts';
import { usage } from '../errors.ts';
import type { Io } from '../io.ts';
import { timeOf } from '../input.ts';
import { percent } from '../output/format.ts';
import { print } from '../output/print.ts';
import { table } from '../output/table.ts';
import { type ServerOptions, otherServer } from '../servers.ts';
import { type OutputOptions, addVerb, withOutput, withServer } from '../verb.ts';

interface Options extends ServerOptions, OutputOptions {
  since: string;
  until?: string;
  points: string;
}

type Point = BudgetHistory['items'][number];

export function addSloHistory(slo: Command, io: Io): void {
  const command = addVerb(slo, {
    usage: 'history <slo>',
    summary: 'what was left of the error budget of an SLO (namespace/name), over time',
    examples: [
      'windrose slo history shop/payments --since 30d',
      'windrose slo history shop/payments --since 1d --points 200 -o json',
    ],
  })
    .option('--since <time>', 'RFC 3339, or how long ago, such as 7d', '7d')
    .option('--until <time>', 'RFC 3339, or how long ago (default: up to what is stored)')
    .option('--points <number>', 'at how many moments, 1 to 1000', '14');
  withServer(withOutput(command)).action(async (name: string, options: Options) => {
    const [namespace, slo = ''] = name.split('/');
    if (namespace === undefined || slo === '') throw usage(`${name} is no namespace/name`);
    const { points, since, until } = options;
    const client = await otherServer(io, options, 'alerting');
    const path = `/v1/slos/${encodeURIComponent(namespace)}/${encodeURIComponent(slo)}/history`;
    const history = await client.get<BudgetHistory>(path, {
      since: timeOf(io, '--since', since),
      until: until === undefined ? undefined : timeOf(io, '--until', until),
      points,
    });
    print(io, options.output, history, () => textOf(history));
  });
}

function textOf({ items }: BudgetHistory): string {
  return table<Point>(
    [
      { title: 'TIME', value: ({ time }) => time },
      {
        title: 'GOOD',
        value: ({ ratio }) => (ratio === undefined ? 'no traffic' : percent(ratio, 2)),
        align: 'right',
      },
      { title: 'BUDGET LEFT', value: ({ budgetLeft }) => percent(budgetLeft), align: 'right' },
      { title: '', value: ({ budgetLeft }) => bar(budgetLeft) },
    ],
    items,
  );
}

const BAR_CHARS = 20;

/** A share as a bar; nothing of a budget that is used up. */
function bar(share: number): string {
  return '#'.repeat(Math.round(Math.min(1, Math.max(0, share)) * BAR_CHARS));
}
