import type { Command } from 'commander';
import type {
  DeadLetter,
  DeadLetterResponse,
  DeadLettersResponse,
  ReplayRequest,
  ReplayResponse,
} from '#contracts/api/dead-letters.ts';
import { CliError, EXIT, usage } from '../errors.ts';
import { type Io, line } from '../io.ts';
import { wholeNumber } from '../numbers.ts';
import { ageOf } from '../output/format.ts';
import { print } from '../output/print.ts';
import { printable } from '../output/style.ts';
import { table } from '../output/table.ts';
import { type ServerOptions, otherServer } from '../servers.ts';
import { type OutputOptions, addVerb, withOutput, withServer } from '../verb.ts';

interface Filters extends ServerOptions, OutputOptions {
  reason?: string;
  stream?: string;
}

interface ListOptions extends Filters {
  proxy?: string;
  state?: string;
  limit: number;
  cursor?: string;
}

interface ReplayOptions extends Filters {
  all?: boolean;
}

export function addDead(program: Command, io: Io): void {
  const dead = addVerb(program, {
    usage: 'dead',
    summary: 'dead letters: blocks of records and metrics that could not be stored',
    details: 'waiting: its rows are in no table. stored: they are, sent again in the meantime.',
    examples: [
      'windrose dead --state waiting --reason schema',
      'windrose dead show 17',
      'windrose dead replay --all',
    ],
  }).enablePositionalOptions();
  withList(dead, io);
  addShow(dead, io);
  addReplay(dead, io);
}

function withList(command: Command, io: Io): void {
  command
    .option('--reason <text>', 'a part of the reason')
    .option('--stream <word>', 'access or metrics')
    .option('--proxy <name>', 'of this proxy')
    .option('--state <word>', 'waiting or stored')
    .option('--limit <n>', 'how many', wholeNumber('--limit', 1, 500), 50)
    .option('--cursor <id>', 'those before this one');
  withServer(withOutput(command)).action(async (options: ListOptions) => {
    const client = await otherServer(io, options, 'analytics');
    const { reason, stream, proxy, state, limit, cursor } = options;
    const query = { reason, stream, proxy, state, limit, cursor };
    const found = await client.get<DeadLettersResponse>('/v1/dead-letters', query);
    print(io, options.output, found, () => listText(found.items, io.wallMs()));
    if (options.output !== 'table') return;
    if (found.items.length === 0) line(io.err, 'no dead letters match');
    if (found.next !== undefined) line(io.err, `there are older ones: --cursor ${found.next}`);
  });
}

function listText(items: readonly DeadLetter[], nowMs: number): string {
  return table<DeadLetter>(
    [
      { title: 'ID', value: ({ id }) => id, align: 'right' },
      { title: 'AGE', value: ({ time }) => ageOf(time, nowMs) },
      { title: 'STATE', value: ({ state }) => state },
      { title: 'STREAM', value: ({ stream }) => stream },
      { title: 'PROXY', value: ({ proxy = '-' }) => printable(proxy) },
      {
        title: 'BLOCK',
        value: ({ seq, worker }) => (seq === undefined ? '-' : `${worker}/${seq}`),
      },
      { title: 'ROWS', value: ({ rows = '-' }) => String(rows), align: 'right' },
      { title: 'BYTES', value: (item) => String(item.bytes), align: 'right' },
      { title: 'REASON', value: ({ reason }) => printable(reason) },
    ],
    items,
  );
}

function addShow(dead: Command, io: Io): void {
  const command = addVerb(dead, {
    usage: 'show <id>',
    summary: 'one of them, with its headers and first bytes',
    examples: ['windrose dead show 17'],
  });
  withServer(withOutput(command)).action(async (id: string, options: Filters) => {
    const client = await otherServer(io, options, 'analytics');
    const found = await client.get<DeadLetterResponse>(`/v1/dead-letters/${idOf(id)}`);
    print(io, options.output, found, () => letterText(found, io.wallMs()));
  });
}

function letterText(letter: DeadLetterResponse, nowMs: number): string {
  const headers = Object.entries(letter.headers).map(([name, value]) => `${name}: ${value}`);
  const origin = `${letter.topic}, partition ${letter.partition}, offset ${letter.offset}`;
  return [
    listText([letter], nowMs),
    ...['', `from ${origin}`, '', ...headers.map(printable), ''],
    `first bytes: ${letter.head}`,
  ].join('\n');
}

function addReplay(dead: Command, io: Io): void {
  const command = addVerb(dead, {
    usage: 'replay [id...]',
    summary: 'store them after all, once what was wrong is mended',
    details:
      'They go through storing like any other block: one that is stored already is left out. At ' +
      'most 500 at a time.',
    examples: ['windrose dead replay 17 18', 'windrose dead replay --all --reason "schema 3"'],
  })
    .option('--all', 'all that wait')
    .option('--reason <text>', 'with --all: a part of the reason')
    .option('--stream <word>', 'with --all: access or metrics');
  withServer(withOutput(command)).action(async (ids: string[], options: ReplayOptions) => {
    const { all, reason, stream } = options;
    if (ids.length > 0 === (all === true)) throw usage('name letters by id, or say --all');
    const request =
      all === true
        ? { all, ...(reason === undefined ? {} : { reason }), ...(stream && { stream }) }
        : { ids: ids.map(idOf) };
    const client = await otherServer(io, options, 'analytics');
    const answer = await client.post<ReplayResponse>(
      '/v1/dead-letters/replay',
      request as ReplayRequest,
    );
    print(io, options.output, answer, () => replayText(answer));
    if (answer.items.length === 0) line(io.err, 'no dead letters wait');
    const left = answer.items.filter(({ outcome }) => outcome !== 'sent' && outcome !== 'stored');
    if (left.length > 0) throw new CliError(EXIT.failed, `${left.length} could not be sent again`);
  });
}

function replayText({ items }: ReplayResponse): string {
  return table<ReplayResponse['items'][number]>(
    [
      { title: 'ID', value: ({ id }) => id, align: 'right' },
      { title: 'OUTCOME', value: ({ outcome }) => outcome },
      { title: 'WHY', value: ({ message = '' }) => printable(message) },
    ],
    items,
  );
}

function idOf(text: string): string {
  if (/^[0-9]{1,19}$/.test(text)) return text;
  throw usage(`${text} is no id of a dead letter`);
}
