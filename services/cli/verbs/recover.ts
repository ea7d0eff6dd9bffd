import type { Command } from 'commander';
import type { RecoverRequest, RecoverResponse } from '#contracts/api/config.ts';
import { authorOf } from '../changeset.ts';
import type { Io } from '../io.ts';
import { count } from '../output/format.ts';
import { print } from '../output/print.ts';
import { type ServerOptions, configServer, info } from '../servers.ts';
import { readKeptState } from '../state-file.ts';
import { type OutputOptions, addVerb, withOutput, withServer } from '../verb.ts';

interface Options extends ServerOptions, OutputOptions {
  from?: string;
  force?: boolean;
  message?: string;
  author?: string;
}

export function addRecover(program: Command, io: Io): void {
  const command = addVerb(program, {
    usage: 'recover',
    summary: 'go on after the config log was lost or restored from an older copy',
    details:
      'Writes the whole state as the first revision of a new epoch, which every proxy takes in\n' +
      'place of what it serves: what the config service knew last, or the state in a file.',
    examples: [
      'windrose recover',
      'windrose recover --from /var/backups/mesh.windrose',
      'windrose recover --from /var/lib/windrose/edge-1/snapshot.json -m "disk of nats-1 died"',
    ],
  })
    .option('--from <file>', 'a backup, or the snapshot.json of a proxy’s data directory')
    .option('--force', 'begin a new epoch although nothing is wrong with the log')
    .option('-m, --message <text>', 'why, for the history')
    .option('--author <name>', 'who (default: WINDROSE_AUTHOR, or the user of this machine)');
  withServer(withOutput(command)).action(async (options: Options) => {
    const client = await configServer(io, options);
    const { from, force, message, author = authorOf(io) } = options;
    const kept =
      from === undefined ? undefined : await readKeptState(from, (await info(client)).mesh);
    const body: RecoverRequest = {
      author,
      ...(force === true ? { force } : {}),
      ...(message === undefined ? {} : { message }),
      ...(kept === undefined ? {} : { from: kept }),
    };
    const answer = await client.post<RecoverResponse>('/v1/recover', body);
    print(io, options.output, answer, () => textOf(answer));
  });
}

function textOf({ revision, from, resources, lost }: RecoverResponse): string {
  const why = lost === '' ? '' : `${lost}\n`;
  const what = `the ${count(resources, 'resource')} of ${from}`;
  return `${why}revision ${revision} begins a new epoch with ${what}`;
}
