import type { Command } from 'commander';
import type { ChangeSetResponse, RevisionDiff } from '#contracts/api/config.ts';
import type { ResourceChange } from '#contracts/events.ts';
import { CliError, EXIT, usage } from '../errors.ts';
import { readDocuments, withPlaces } from '../input.ts';
import { type Io, line, styleOf } from '../io.ts';
import { changesDiff, changesSummary } from '../output/changes.ts';
import { effectsText } from '../output/effects.ts';
import { hiddenText } from '../output/hidden.ts';
import { print } from '../output/print.ts';
import { type ServerOptions, configServer } from '../servers.ts';
import { type OutputOptions, addVerb, withOutput, withServer } from '../verb.ts';

interface Options extends ServerOptions, OutputOptions {
  filename?: string[];
  exitCode?: boolean;
}

export function addDiff(program: Command, io: Io): void {
  const command = addVerb(program, {
    usage: 'diff [from] [to]',
    summary: 'show what apply would change, or what differs between two revisions',
    details:
      'With -f the service checks the files as apply does, and says which proxies would serve\n' +
      'something else; nothing is written. Without, FROM and TO are revisions (TO: the head).',
    examples: [
      'windrose diff -f infra/demo/try/canary.yaml',
      'windrose diff -f infra/demo/manifests --exit-code && echo "nothing to do"',
      'windrose diff 1 2',
    ],
  })
    .option('-f, --filename <path...>', 'files, folders, or - for standard input')
    .option('--exit-code', 'end with status 1 when there are differences');
  withServer(withOutput(command)).action(
    async (from: string | undefined, to: string | undefined, options: Options) => {
      const changes =
        options.filename === undefined
          ? await betweenRevisions(io, options, from, to)
          : await fromFiles(io, options, options.filename, from);
      if (options.output === 'table' && changes.length === 0) line(io.err, 'no differences');
      if (options.exitCode === true && changes.length > 0) {
        throw new CliError(EXIT.failed, `there are differences: ${changesSummary(changes)}`);
      }
    },
  );
}

async function fromFiles(
  io: Io,
  options: Options,
  paths: readonly string[],
  revision: string | undefined,
): Promise<ResourceChange[]> {
  if (revision !== undefined) throw usage('diff takes -f, or revisions, not both');
  const documents = await readDocuments(io, paths);
  const upserts = documents.map((document) => document.value);
  const client = await configServer(io, options);
  const query = { dryRun: true };
  const asked = client.post<ChangeSetResponse>('/v1/changesets', { upserts }, { query });
  const { changes: all, effects } = await withPlaces(documents, asked);
  const changes = all.filter((each) => each.change !== 'unchanged');
  show(io, options, changes, { changes, effects });
  // Beside the diff and not in it, so that `patch` and reviewers' tools read it as it is.
  if (options.output === 'table' && effects !== undefined && changes.length > 0) {
    line(io.err, effectsText(effects, styleOf(io, io.err)));
  }
  return changes;
}

async function betweenRevisions(
  io: Io,
  options: Options,
  from: string | undefined,
  to: string | undefined,
): Promise<ResourceChange[]> {
  if (from === undefined) throw usage('diff needs -f, or one or two revisions; see --help');
  const client = await configServer(io, options);
  const found = await client.get<RevisionDiff>('/v1/diff', { from, to });
  show(io, options, found.changes, found);
  if (options.output === 'table') hiddenText(io, found.hidden);
  return found.changes;
}

function show(io: Io, options: Options, changes: readonly ResourceChange[], value: object): void {
  print(io, options.output, value, () => changesDiff(changes, styleOf(io, io.out)));
}
