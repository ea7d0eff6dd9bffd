import type { Command } from 'commander';
import type { AuditResponse } from '#contracts/api/analytics.ts';
import { CliError, EXIT } from '../errors.ts';
import { type Io, styleOf } from '../io.ts';
import { count } from '../output/format.ts';
import { print } from '../output/print.ts';
import { table } from '../output/table.ts';
import { type ServerOptions, otherServer } from '../servers.ts';
import { type OutputOptions, addVerb, withOutput, withServer } from '../verb.ts';

type Item = AuditResponse['items'][number];

export function addAudit(program: Command, io: Io): void {
  const command = addVerb(program, {
    usage: 'audit',
    summary: 'is every record accounted for: served = stored + sampledOut + dropped + crashLost',
    details: 'Status 1 when it does not add up.',
    examples: ['windrose audit', 'windrose audit -o json'],
  });
  withServer(withOutput(command)).action(async (options: ServerOptions & OutputOptions) => {
    const client = await otherServer(io, options, 'analytics');
    const found = await client.get<AuditResponse>('/v1/audit');
    print(io, options.output, found, () => textOf(io, found));
    if (!found.ok) {
      const wrong = found.items.filter((item) => !item.ok).length;
      throw new CliError(EXIT.failed, `it does not add up for ${count(wrong, 'worker')}`);
    }
  });
}

function textOf(io: Io, found: AuditResponse): string {
  const style = styleOf(io, io.out);
  const number = (title: string, value: (item: Item) => number) => ({
    title,
    value: (item: Item) => String(value(item)),
    align: 'right' as const,
  });
  const rows = table<Item>(
    [
      { title: 'PROXY', value: (item) => item.proxy },
      { title: 'INSTANCE', value: (item) => item.instance },
      number('WORKER', (item) => item.worker),
      number('SERVED', (item) => item.served),
      number('STORED', (item) => item.stored),
      number('SAMPLED OUT', (item) => item.sampledOut),
      number('DROPPED', (item) => item.dropped),
      {
        title: 'CRASH LOST',
        value: (item) =>
          item.bound === 0
            ? String(item.crashLost)
            : `${item.crashLost} (≤${item.crashLost + item.bound})`,
        align: 'right',
      },
      number('BLOCKS', (item) => item.blocks),
      number('MISSING', (item) => item.blocksMissing),
      {
        title: 'OK',
        value: (item) => (item.ok ? 'yes' : 'no'),
        paint: (text, item) => (item.ok ? style.green(text) : style.red(text)),
      },
    ],
    found.items,
  );
  return `${rows}\n${sumText(found)}`;
}

function sumText(found: AuditResponse): string {
  const sum = (value: (item: Item) => number): number =>
    found.items.reduce((total, item) => total + value(item), 0);
  const bound = sum((item) => item.bound);
  const unknown =
    bound === 0 ? '' : `; after crashes at most ${bound} more may have been lost uncounted`;
  return (
    `served ${sum((item) => item.served)} = stored ${sum((item) => item.stored)} + ` +
    `sampledOut ${sum((item) => item.sampledOut)} + dropped ${sum((item) => item.dropped)} + ` +
    `crashLost ${sum((item) => item.crashLost)}${found.ok ? '' : '  (it does not)'}${unknown}`
  );
}
