import { type Command, InvalidArgumentError, Option } from 'commander';
import { GROUPS, type TotalsResponse, type TotalsRow } from '#contracts/api/analytics.ts';
import { usage } from '../errors.ts';
import { type Io, styleOf } from '../io.ts';
import { wholeNumber } from '../numbers.ts';
import { milliseconds, percent, rate } from '../output/format.ts';
import { freshnessText } from '../output/freshness.ts';
import { print } from '../output/print.ts';
import { type ColumnSpec, table } from '../output/table.ts';
import { pause } from '../pause.ts';
import { type FilterOptions, filterQuery, withFilters, withRange } from '../range.ts';
import { type ServerOptions, otherServer } from '../servers.ts';
import { type OutputOptions, addVerb, withOutput, withServer } from '../verb.ts';

interface Options extends ServerOptions, OutputOptions, FilterOptions {
  by: string;
  order: string;
  limit: number;
  apdex?: number;
  watch?: boolean;
}

const WATCH_EVERY_MS = 2_000;
const CLEAR = '\u001b[H\u001b[2J';

export function addTop(program: Command, io: Io): void {
  const command = addVerb(program, {
    usage: 'top',
    summary: 'rates, errors and latencies, the busiest first',
    examples: [
      'windrose top',
      'windrose top --by consumer --order error_rate --from -1h',
      'windrose top --watch',
    ],
  })
    .addOption(
      new Option('--by <group>', `one row for each: ${GROUPS.join(', ')}, or field.NAME`)
        .argParser(groupOf)
        .default('route'),
    )
    .addOption(
      new Option('--order <column>', 'largest first')
        .choices(['requests', 'errors', 'error_rate', 'p99'])
        .default('requests'),
    )
    .option('--limit <n>', 'how many', wholeNumber('--limit', 1, 1_000), 20)
    .option('--apdex <ms>', 'with the Apdex of this T', wholeNumber('--apdex', 1, 3_600_000))
    .option('-w, --watch', 'show it again every 2 s, on a terminal');
  withServer(withOutput(withFilters(withRange(command, '-1m')))).action(
    async (options: Options) => {
      if (options.watch === true && io.out.isTTY !== true) {
        throw usage('--watch needs a terminal; call `windrose top` again instead');
      }
      const client = await otherServer(io, options, 'analytics');
      const { apdex, by, limit, order } = options;
      do {
        const found = await client.get<TotalsResponse>('/v1/analytics/top', {
          ...filterQuery(options),
          by,
          order,
          limit,
          apdex,
        });
        if (options.watch === true) io.out.write(CLEAR);
        print(io, options.output, found, () => textOf(io, found, by));
        if (options.watch === true) await pause(WATCH_EVERY_MS, io.signal);
      } while (options.watch === true && !io.signal.aborted);
    },
  );
}

function groupOf(text: string): string {
  if (/^field\.[a-z][a-z0-9_]*$/.test(text)) return text;
  if (GROUPS.some((group) => group === text)) return text;
  throw new InvalidArgumentError(`Write one of ${GROUPS.join(', ')}, or field. and a name.`);
}

const APDEX: ColumnSpec<TotalsRow> = {
  title: 'APDEX',
  value: ({ apdex }) => apdex?.toFixed(2) ?? '',
  align: 'right',
};

function textOf(io: Io, found: TotalsResponse, by: string): string {
  const style = styleOf(io, io.out);
  const rows = table<TotalsRow>(
    [
      { title: by.toUpperCase(), value: (row) => row.key },
      { title: 'REQUESTS', value: (row) => String(row.requests), align: 'right' },
      { title: 'RATE', value: (row) => rate(row.requestsPerSecond), align: 'right' },
      {
        title: 'ERRORS',
        value: (row) => percent(row.errorRate),
        align: 'right',
        paint: (text, row) => (row.errors > 0 ? style.red(text) : text),
      },
      { title: 'P50', value: (row) => milliseconds(row.p50Ms), align: 'right' },
      { title: 'P95', value: (row) => milliseconds(row.p95Ms), align: 'right' },
      { title: 'P99', value: (row) => milliseconds(row.p99Ms), align: 'right' },
      ...(found.rows.some(({ apdex }) => apdex !== undefined) ? [APDEX] : []),
    ],
    found.rows,
  );
  return `${rows}\n${style.dim(freshnessText(found, found.freshness, io.wallMs()))}`;
}
