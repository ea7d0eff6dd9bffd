import type { Command } from 'commander';
import type { ChangeSetDetail } from '#contracts/api/config.ts';
import { type Io, styleOf } from '../io.ts';
import { changesDiff, changesSummary } from '../output/changes.ts';
import { hiddenText } from '../output/hidden.ts';
import { print } from '../output/print.ts';
import { fields } from '../output/table.ts';
import { type ServerOptions, configServer } from '../servers.ts';
import { type OutputOptions, addVerb, withOutput, withServer } from '../verb.ts';
import { messageOf } from './history.ts';

export function addShow(program: Command, io: Io): void {
  const command = addVerb(program, {
    usage: 'show <revision>',
    summary: 'show one change-set: who, when, why, and what it changed',
    examples: ['windrose show 2', 'windrose show 1-2 -o json'],
  });
  withServer(withOutput(command)).action(
    async (revision: string, options: ServerOptions & OutputOptions) => {
      const client = await configServer(io, options);
      const path = `/v1/changesets/${encodeURIComponent(revision)}`;
      const detail = await client.get<ChangeSetDetail>(path);
      print(io, options.output, detail, () => textOf(io, detail));
      if (options.output === 'table') hiddenText(io, detail.hidden);
    },
  );
}

function textOf(io: Io, detail: ChangeSetDetail): string {
  const head = fields([
    ['revision', detail.revision],
    ['author', detail.author],
    ['time', detail.time],
    ['message', messageOf(detail)],
    ['digest', detail.digest],
    ['changes', changesSummary(detail.changes)],
  ]);
  return `${head}\n\n${changesDiff(detail.changes, styleOf(io, io.out))}`.trimEnd();
}
