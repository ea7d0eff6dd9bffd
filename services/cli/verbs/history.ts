import type { Command } from 'commander';
import type { ChangeSetList, ChangeSetSummary } from '#contracts/api/config.ts';
import { type Io, line } from '../io.ts';
import { wholeNumber } from '../numbers.ts';
import { changesSummary } from '../output/changes.ts';
import { ageOf } from '../output/format.ts';
import { print } from '../output/print.ts';
import { table } from '../output/table.ts';
import { type ServerOptions, configServer } from '../servers.ts';
import { type OutputOptions, addVerb, withOutput, withServer } from '../verb.ts';

interface Options extends ServerOptions, OutputOptions {
  limit: number;
  before?: string;
}

export function addHistory(program: Command, io: Io): void {
  const command = addVerb(program, {
    usage: 'history',
    summary: 'list the change-sets, newest first',
    examples: ['windrose history', 'windrose history --limit 5 --before 2 -o json'],
  })
    .option('--limit <n>', 'how many', wholeNumber('--limit', 1, 500), 20)
    .option('--before <revision>', 'older than this revision');
  withServer(withOutput(command)).action(async (options: Options) => {
    const client = await configServer(io, options);
    const { limit, before } = options;
    const list = await client.get<ChangeSetList>('/v1/changesets', { limit, before });
    const { items } = list;
    print(io, options.output, list, () => (items.length === 0 ? '' : tableOf(items, io.wallMs())));
    if (items.length === 0 && options.output === 'table') line(io.err, 'there are none');
  });
}

function tableOf(items: readonly ChangeSetSummary[], nowMs: number): string {
  return table<ChangeSetSummary>(
    [
      { title: 'REVISION', value: (item) => item.revision },
      { title: 'AGE', value: (item) => ageOf(item.time, nowMs) },
      { title: 'AUTHOR', value: (item) => item.author },
      { title: 'CHANGES', value: (item) => changesSummary(item.changes) },
      { title: 'MESSAGE', value: messageOf },
    ],
    items,
  );
}

/** The author's message, with what a rollback took back in front unless it says so itself. */
export function messageOf(item: Pick<ChangeSetSummary, 'message' | 'undoes' | 'restores'>): string {
  const rollback =
    item.undoes !== undefined
      ? `undoes ${item.undoes}`
      : item.restores !== undefined
        ? `restores ${item.restores}`
        : '';
  if (/^(Undo|Restore) /.test(item.message)) return item.message;
  return [rollback, item.message].filter((part) => part !== '').join(': ');
}
