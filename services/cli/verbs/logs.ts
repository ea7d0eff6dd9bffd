import type { Command } from 'commander';
import type { RecordsResponse } from '#contracts/api/analytics.ts';
import type { Client } from '../client.ts';
import { type Io, line, styleOf } from '../io.ts';
import { wholeNumber } from '../numbers.ts';
import { print } from '../output/print.ts';
import { type LogRecord, recordLine } from '../output/record.ts';
import { pause } from '../pause.ts';
import {
  type FilterOptions,
  directionOption,
  filterQuery,
  statusOption,
  withFilters,
  withRange,
} from '../range.ts';
import { type ServerOptions, otherServer } from '../servers.ts';
import { type OutputOptions, addVerb, withOutput, withServer } from '../verb.ts';

interface Options extends ServerOptions, OutputOptions, FilterOptions {
  proxy?: string;
  direction?: string;
  trace?: string;
  request?: string;
  status?: string;
  limit: number;
  follow?: boolean;
}

const FOLLOW_EVERY_MS = 1_000;
/** Rows come in late by the time that a block takes; what was shown is remembered for as long. */
const OVERLAP_MS = 30_000;
const PAGE_MAX = 1_000;

export function addLogs(program: Command, io: Io): void {
  const command = addVerb(program, {
    usage: 'logs',
    summary: 'show the records of requests, by filter',
    details: 'A record is written by each proxy that handled a request; --direction picks one.',
    examples: [
      'windrose logs --follow',
      'windrose logs --service shop/payments --status 5xx --from -1h',
      'windrose logs --trace 4bf92f3577b34da6a3ce929d0e0e4736 -o json',
    ],
  })
    .option('--proxy <name>', 'written by this proxy')
    .addOption(directionOption())
    .option('--trace <id>', 'all records of one trace')
    .option('--request <id>', 'all records of one x-request-id')
    .addOption(statusOption())
    .option('--limit <n>', 'how many', wholeNumber('--limit', 1, PAGE_MAX), 50)
    .option('-f, --follow', 'go on showing what comes in, until Ctrl-C');
  withServer(withOutput(withFilters(withRange(command, '-15m')))).action(
    async (options: Options) => {
      const client = await otherServer(io, options, 'analytics');
      if (options.follow === true) return follow(io, client, options);
      const found = await client.get<RecordsResponse>('/v1/records', query(options));
      const style = styleOf(io, io.out);
      const text = (): string =>
        found.items
          .toReversed()
          .map((item) => recordLine(item, style))
          .join('\n');
      print(io, options.output, found, text);
      if (found.items.length === 0 && options.output === 'table') line(io.err, 'no records match');
      return undefined;
    },
  );
}

function query(options: Options): Record<string, string | number | undefined> {
  const { proxy, direction, trace, request, status, limit } = options;
  return { ...filterQuery(options), proxy, direction, trace, request, status, limit };
}

/** Asks again each second for the last moments and shows what it has not shown yet. */
async function follow(io: Io, client: Client, options: Options): Promise<void> {
  const style = styleOf(io, io.out);
  const shown = new Map<string, number>();
  let from = options.from;
  while (!io.signal.aborted) {
    const asked = { ...query(options), from, limit: PAGE_MAX };
    const { items } = await client.get<RecordsResponse>('/v1/records', asked);
    for (const item of items.toReversed()) {
      const key = identity(item);
      if (shown.has(key)) continue;
      shown.set(key, io.wallMs());
      line(io.out, options.output === 'table' ? recordLine(item, style) : JSON.stringify(item));
    }
    for (const [key, atMs] of shown) {
      if (io.wallMs() - atMs > 2 * OVERLAP_MS) shown.delete(key);
    }
    from = new Date(io.wallMs() - OVERLAP_MS).toISOString();
    await pause(FOLLOW_EVERY_MS, io.signal);
  }
}

function identity(item: LogRecord): string {
  const names = ['request_id', 'span_id', 'proxy', 'direction', 'time'];
  return JSON.stringify(names.map((name) => item[name]));
}
