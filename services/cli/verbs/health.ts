import { type Command, InvalidArgumentError } from 'commander';
import type { EdgeHealth, HealthResponse, ServiceHealth } from '#contracts/api/health.ts';
import { HEALTH_DEFAULTS } from '#contracts/health/rules.ts';
import { type Io, styleOf } from '../io.ts';
import { wholeNumber } from '../numbers.ts';
import { milliseconds, percent } from '../output/format.ts';
import { freshnessText } from '../output/freshness.ts';
import { isTrouble, paintState, stateText, whyOf } from '../output/health.ts';
import { print } from '../output/print.ts';
import { type ColumnSpec, table } from '../output/table.ts';
import type { Style } from '../output/style.ts';
import { type ServerOptions, otherServer } from '../servers.ts';
import { type OutputOptions, addVerb, withOutput, withServer } from '../verb.ts';

interface Options extends ServerOptions, OutputOptions {
  at?: string;
  window?: number;
  requests?: number;
  failing?: number;
  degraded?: number;
  slow?: number;
}

const { windowSeconds, requestsMin, failingShare, degradedShare, slowFactor } = HEALTH_DEFAULTS;

export function addHealth(program: Command, io: Io): void {
  const command = addVerb(program, {
    usage: 'health',
    summary: 'how services and their edges are, the worst first, and what decided it',
    details:
      'It ends with 0 however they are. Rules: services/analytics/README.md. What is neither ' +
      'called for a day nor lives is not shown.',
    examples: [
      'windrose health',
      'windrose health --at -1h',
      'windrose health --window 60 --failing 0.02',
    ],
  })
    .option(
      '--at <time>',
      'the end of the window: RFC 3339, or relative such as -1h (default: now)',
    )
    .option(
      '--window <seconds>',
      `how long a time is judged (default: ${windowSeconds})`,
      wholeNumber('--window', 60, 3_600),
    )
    .option(
      '--requests <n>',
      `fewer decide nothing (default: ${requestsMin})`,
      wholeNumber('--requests', 1, 1_000_000),
    )
    .option('--failing <share>', `share of errors that fails (default: ${failingShare})`, shareOf)
    .option(
      '--degraded <share>',
      `share of errors that degrades (default: ${degradedShare})`,
      shareOf,
    )
    .option(
      '--slow <times>',
      `times the usual p99 that is slow (default: ${slowFactor})`,
      wholeNumber('--slow', 2, 1_000),
    );
  withServer(withOutput(command)).action(async (options: Options) => {
    const client = await otherServer(io, options, 'analytics');
    const { at, window, requests, failing, degraded, slow } = options;
    const found = await client.get<HealthResponse>('/v1/health', {
      ...{ at, window, requests, failing, degraded, slow },
    });
    print(io, options.output, found, () => textOf(io, found));
  });
}

function shareOf(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value > 0 && value <= 1) return value;
  throw new InvalidArgumentError('Write a share such as 0.05.');
}

function textOf(io: Io, found: HealthResponse): string {
  const style = styleOf(io, io.out);
  const foot = style.dim(freshnessText(found, found.freshness, io.wallMs()));
  if (found.services.length === 0) return `no service was called or lives\n${foot}`;
  const edges = found.edges.filter(({ health }) => isTrouble(health));
  const parts = [
    table<ServiceHealth>(
      columnsOf('SERVICE', ({ name }) => name, style),
      found.services,
    ),
    ...(edges.length === 0
      ? []
      : [
          table<EdgeHealth>(
            columnsOf('EDGE', (edge) => `${edge.source} → ${edge.destination}`, style),
            edges,
          ),
        ]),
  ];
  return `${parts.join('\n\n')}\n${foot}`;
}

function columnsOf<Row extends Omit<ServiceHealth, 'name'>>(
  title: string,
  value: (row: Row) => string,
  style: Style,
): ColumnSpec<Row>[] {
  return [
    { title, value },
    {
      title: 'STATE',
      value: ({ health }) => stateText(health.state),
      paint: (text, { health }) => paintState(text, health, style),
    },
    { title: 'CALLS', value: ({ numbers }) => String(numbers.requests), align: 'right' },
    { title: 'ERRORS', value: ({ numbers }) => percent(numbers.errorRate), align: 'right' },
    {
      title: 'OWN ERRORS',
      value: ({ own }) => (own.requests === 0 ? '' : percent(own.errorRate)),
      align: 'right',
    },
    {
      title: 'P99',
      value: ({ numbers }) => (numbers.requests === 0 ? '' : milliseconds(numbers.p99Ms)),
      align: 'right',
    },
    { title: 'WHY', value: ({ health }) => whyOf(health) },
  ];
}
