import type { Command } from 'commander';
import type { ChangeSetResponse } from '#contracts/api/config.ts';
import { CliError, EXIT } from '../errors.ts';
import { readDocuments, withPlaces } from '../input.ts';
import { type Io, line, styleOf } from '../io.ts';
import { changesDiff, changesSummary } from '../output/changes.ts';
import { print } from '../output/print.ts';
import { type ServerOptions, configServer } from '../servers.ts';
import { type OutputOptions, addVerb, withOutput, withServer } from '../verb.ts';

interface Options extends ServerOptions, OutputOptions {
  filename: string[];
  exitCode?: boolean;
}

export function addDiff(program: Command, io: Io): void {
  const command = addVerb(program, {
    usage: 'diff',
    summary: 'show what apply would change',
    details: 'The service checks the files as apply does; nothing is written.',
    examples: [
      'windrose diff -f infra/demo/try/canary.yaml',
      'windrose diff -f infra/demo/manifests --exit-code && echo "nothing to do"',
    ],
  })
    .requiredOption('-f, --filename <path...>', 'files, folders, or - for standard input')
    .option('--exit-code', 'end with status 1 when there are differences');
  withServer(withOutput(command)).action(async (options: Options) => {
    const documents = await readDocuments(io, options.filename);
    const upserts = documents.map((document) => document.value);
    const client = await configServer(io, options);
    const asked = client.post<ChangeSetResponse>(
      '/v1/changesets',
      { upserts },
      { query: { dryRun: true } },
    );
    const response = await withPlaces(documents, asked);
    const changes = response.changes.filter((each) => each.change !== 'unchanged');
    print(io, options.output, changes, () => changesDiff(changes, styleOf(io, io.out)));
    if (options.output === 'table' && changes.length === 0) line(io.err, 'no differences');
    if (options.exitCode === true && changes.length > 0) {
      throw new CliError(EXIT.failed, `there are differences: ${changesSummary(changes)}`);
    }
  });
}
