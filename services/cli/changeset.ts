import { randomUUID } from 'node:crypto';
import { userInfo } from 'node:os';
import type { Command } from 'commander';
import type { ChangeSetRequest, ChangeSetResponse, ReceiptBoard } from '#contracts/api/config.ts';
import type { ResourceChange } from '#contracts/events.ts';
import type { Client } from './client.ts';
import { durationMs } from './input.ts';
import { type Io, line, styleOf } from './io.ts';
import { changesSummary, changesText } from './output/changes.ts';
import { effectsText } from './output/effects.ts';
import { print } from './output/print.ts';
import { type ServerOptions, configServer } from './servers.ts';
import { type OutputOptions, withOutput, withServer } from './verb.ts';
import { WAIT_DEFAULT, appliedText, waitForReceipts } from './wait.ts';

/** The options of every verb that writes. */
export interface WriteOptions extends ServerOptions, OutputOptions {
  message?: string;
  author?: string;
  dryRun?: boolean;
  wait?: string;
}

export function withWriting(command: Command): Command {
  return withServer(
    withOutput(
      command
        .option('-m, --message <text>', 'why, for the history')
        .option('--author <name>', 'who (default: WINDROSE_AUTHOR, or the user of this machine)')
        .option('--dry-run', 'check and show what would change; change nothing')
        .option(
          '--wait [=duration]',
          `wait until every proxy has applied it (default ${WAIT_DEFAULT})`,
        ),
    ),
  );
}

/** Sends one change-set, says what came of it and, if asked to, waits for the proxies. */
export async function write(
  io: Io,
  options: WriteOptions,
  request: Omit<ChangeSetRequest, 'author' | 'message'>,
): Promise<void> {
  const timeoutMs = options.wait === undefined ? undefined : durationMs(options.wait, '--wait');
  const client = await configServer(io, options);
  const response = await send(io, client, options, request);
  for (const warning of response.warnings) {
    line(io.err, styleOf(io, io.err).yellow(`warning: ${warning}`));
  }
  if (options.output === 'table') {
    line(io.out, resultText(io, response));
    if (response.effects !== undefined && response.changes.some(isChange)) {
      line(io.err, effectsText(response.effects, styleOf(io, io.err)));
    }
  }
  const waits = timeoutMs !== undefined && !response.dryRun;
  const waited = waits
    ? await waitForReceipts(io, { client, revision: response.revision, timeoutMs })
    : undefined;
  // A program learns of the revision that was written also when not all proxies have it.
  print(io, options.output, withBoard(response, waited?.board), () =>
    waited?.board === undefined || waited.failure !== undefined ? '' : appliedText(waited.board),
  );
  if (waited?.failure !== undefined) throw waited.failure;
}

async function send(
  io: Io,
  client: Client,
  options: WriteOptions,
  request: Omit<ChangeSetRequest, 'author' | 'message'>,
): Promise<ChangeSetResponse> {
  // With a token its name is the author.
  const author = options.author ?? (client.token === undefined ? authorOf(io) : undefined);
  const body: ChangeSetRequest = {
    ...request,
    ...(author === undefined ? {} : { author }),
    ...(options.message === undefined ? {} : { message: options.message }),
  };
  return client.post<ChangeSetResponse>('/v1/changesets', body, {
    query: options.dryRun === true ? { dryRun: true } : {},
    headers: { 'idempotency-key': randomUUID() },
  });
}

export function authorOf(io: Io): string {
  const given = io.env['WINDROSE_AUTHOR']?.trim() ?? '';
  if (given !== '') return given;
  try {
    return userInfo().username;
  } catch {
    return 'unknown'; // A user without an entry in the system's list, as in many containers.
  }
}

function isChange({ change }: ResourceChange): boolean {
  return change !== 'unchanged';
}

function resultText(io: Io, response: ChangeSetResponse): string {
  const changed = response.changes.filter(isChange);
  const lines = changed.length === 0 ? [] : [changesText(changed, styleOf(io, io.out))];
  const summary = changesSummary(response.changes);
  if (response.dryRun) lines.push(`dry run: ${summary}; nothing was written`);
  else if (response.created) lines.push(`revision ${response.revision}: ${summary}`);
  else lines.push(`nothing changed; the head is still revision ${response.revision}`);
  return lines.join('\n');
}

function withBoard(
  response: ChangeSetResponse,
  board: ReceiptBoard | undefined,
): ChangeSetResponse & { receipts?: ReceiptBoard['items'] } {
  return board === undefined ? response : { ...response, receipts: board.items };
}
