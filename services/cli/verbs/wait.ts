import type { Command } from 'commander';
import { durationMs } from '../input.ts';
import type { Io } from '../io.ts';
import { print } from '../output/print.ts';
import { type ServerOptions, configServer } from '../servers.ts';
import { type OutputOptions, addVerb, withOutput, withServer } from '../verb.ts';
import { WAIT_DEFAULT, appliedText, waitForReceipts } from '../wait.ts';

interface Options extends ServerOptions, OutputOptions {
  timeout: string;
}

export function addWait(program: Command, io: Io): void {
  const command = addVerb(program, {
    usage: 'wait <revision>',
    summary: 'wait until every proxy has applied a revision',
    details: 'Status 1 when one refused it or applied it in part, 5 when time ran out.',
    examples: ['windrose wait 2', 'windrose wait 1-2 --timeout 2m'],
  }).option('--timeout <duration>', 'how long', WAIT_DEFAULT);
  withServer(withOutput(command)).action(async (revision: string, options: Options) => {
    const timeoutMs = durationMs(options.timeout, '--timeout');
    const client = await configServer(io, options);
    const { board, failure } = await waitForReceipts(io, { client, revision, timeoutMs });
    if (board !== undefined) {
      print(io, options.output, board, () => (failure === undefined ? appliedText(board) : ''));
    }
    if (failure !== undefined) throw failure;
  });
}
