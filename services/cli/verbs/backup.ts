import type { Command } from 'commander';
import type { BackupEnd } from '#contracts/backup.ts';
import { checkBackup, writeWhole } from '../backup-file.ts';
import { CliError, EXIT } from '../errors.ts';
import type { Io } from '../io.ts';
import { count } from '../output/format.ts';
import { print } from '../output/print.ts';
import { type ServerOptions, configServer } from '../servers.ts';
import { type OutputOptions, addVerb, withOutput, withServer } from '../verb.ts';

interface Options extends ServerOptions, OutputOptions {}

export function addBackup(program: Command, io: Io): void {
  const command = addVerb(program, {
    usage: 'backup <file>',
    summary: 'write the whole config log into one file, and check that',
    details:
      'Every revision with its author, time and resources. The file is replayed before it takes\n' +
      'its name: it is whole, or not there. Values of Secrets are in it as they rest: sealed to\n' +
      'the key of the config services, which is to be kept elsewhere.',
    examples: ['windrose backup /var/backups/mesh.windrose'],
  });
  withServer(withOutput(command)).action(async (file: string, options: Options) => {
    const client = await configServer(io, options);
    let end: BackupEnd | undefined;
    await writeWhole(file, async (temporary, handle) => {
      for await (const chunk of received(await client.download('/v1/backup'))) {
        await handle.writeFile(chunk);
      }
      ({ end } = await checkBackup(temporary));
    }).catch((error: unknown) => {
      const code = (error as NodeJS.ErrnoException).code;
      if (error instanceof CliError || code === undefined) throw error;
      throw new CliError(EXIT.failed, `cannot write ${file}: ${(error as Error).message}`);
    });
    print(io, options.output, { file, ...end }, () => (end === undefined ? '' : text(file, end)));
  });
}

function text(file: string, { epoch, sequence, messages }: BackupEnd): string {
  return `${file}: ${count(messages, 'message')} up to revision ${epoch}-${sequence}, checked`;
}

/** What the service sends; throws one sentence when it breaks off. */
async function* received(answer: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* answer;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new CliError(EXIT.failed, `the backup broke off and was not kept: ${why}`);
  }
}
