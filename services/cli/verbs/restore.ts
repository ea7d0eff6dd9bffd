import type { Command } from 'commander';
import type {
  KeptMessage,
  KeptSecret,
  RestoreRequest,
  RestoreResponse,
} from '#contracts/backup.ts';
import { checkBackup } from '../backup-file.ts';
import type { Client } from '../client.ts';
import { CliError, EXIT } from '../errors.ts';
import type { Io } from '../io.ts';
import { count } from '../output/format.ts';
import { print } from '../output/print.ts';
import { type ServerOptions, configServer, info } from '../servers.ts';
import { type OutputOptions, addVerb, withOutput, withServer } from '../verb.ts';

interface Options extends ServerOptions, OutputOptions {}

/** One request holds so much of the file, or one message. */
const PART_CHARS = 4 * 1024 * 1024;
const PART_LINES = 500;

export function addRestore(program: Command, io: Io): void {
  const command = addVerb(program, {
    usage: 'restore <file>',
    summary: 'put a backup back into a mesh whose config log is empty',
    details:
      'The same revisions with the same digests. Start proxies afterwards: one that follows the\n' +
      'log meanwhile serves each state on the way. Where the log is not empty, or proxies serve\n' +
      'what is newer than the backup, `recover --from` is the way.',
    examples: ['windrose restore /var/backups/mesh.windrose'],
  });
  withServer(withOutput(command)).action(async (file: string, options: Options) => {
    const client = await configServer(io, options);
    // Nothing is sent of a file that is not whole.
    const { mesh, end } = await checkBackup(file);
    const found = await info(client);
    if (found.mesh !== mesh) {
      const message = `${file} is of the mesh ${mesh}, and the service serves ${found.mesh}`;
      throw new CliError(EXIT.usage, message);
    }
    await send(client, file);
    const answer = { mesh, revision: `${end.epoch}-${end.sequence}`, digest: end.digest };
    print(
      io,
      options.output,
      answer,
      () => `${count(end.messages, 'message')} restored; the head is ${answer.revision}`,
    );
  });
}

async function send(client: Client, file: string): Promise<void> {
  let part: (KeptMessage | KeptSecret)[] = [];
  let chars = 0;
  const post = async (isLast: boolean): Promise<void> => {
    const body: RestoreRequest = {
      messages: part.flatMap((kept) => ('secret' in kept ? [] : [kept])),
      secrets: part.flatMap((kept) => ('secret' in kept ? [kept] : [])),
      isLast,
    };
    await client.post<RestoreResponse>('/v1/restore', body);
    part = [];
    chars = 0;
  };
  await checkBackup(file, async (kept, line) => {
    if (part.length > 0 && (chars + line.length > PART_CHARS || part.length >= PART_LINES)) {
      await post(false);
    }
    part.push(kept);
    chars += line.length;
  });
  await post(true);
}
