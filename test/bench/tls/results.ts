// The text that `--results` writes, and the table alone for a terminal.
import { machineText, versionOf } from '../proxy/results.ts';
import type { GatewayName } from './gateways.ts';
import { type Figure, type Measured, WORK, WORK_NAMES, type WorkName } from './measure.ts';

const HOW = `What HTTP/2 and TLS cost Windrose beside other gateways. Written by

    npm run bench -- tls --rounds ROUNDS --results test/bench/RESULTS-TLS.md NAMES

Each gateway has one thread on one core; whoever asks and a small upstream that answers 200 bytes
have another. All have the same ECDSA P-256 certificate and TLS 1.3 (h2load's first choice of
cipher for each), one route, no log, and HTTP/1.1 to the upstream over connections that are kept.
HTTP/1.1 is asked over 64 connections, h2 over 8 with 8 streams each. A connection is a handshake,
one request and the close, 16 at a time; \`resumed\` begins with the ticket of one before.

Figures are microseconds of processor time (user and system) of the gateway for a request or for a
connection: median (least–most) of the rounds. Ratios are taken round by round; from one run to
another, and from one machine to another, only they can be compared. Windrose is held to \`≤ 1\`
beside Envoy.
`;
const OWN = 'windrose';
const MEASURE_OF_ALL = 'envoy';

type All = ReadonlyMap<GatewayName, Measured>;

/** Whole, from the run itself: nothing here is written by hand. */
export function resultsText(measured: All, rounds: number): string {
  const names = [...measured.keys()].filter((name) => name !== OWN);
  return [
    '# Results: HTTP/2 and TLS',
    HOW.replace('ROUNDS', String(rounds)).replace(
      ' NAMES',
      names.map((name) => ` ${name}`).join(''),
    ),
    tableText(measured),
    '## Where',
    machineText(rounds, [...names, 'h2load'].map(versionOf)),
    '',
  ].join('\n');
}

export function tableText(measured: All): string {
  const names = [...measured.keys()];
  const ratios = names.filter((name) => name !== OWN);
  const rows = WORK_NAMES.filter((work) => (measured.get(OWN)?.[work].length ?? 0) > 0).map(
    (work) => rowOf(measured, work, names, ratios),
  );
  const head = [
    ...['', ...names.map((name) => `${name} µs`), ...ratios.map((name) => `÷ ${name}`)],
    '÷ envoy ≤ 1',
  ];
  const lines = [head, head.map(() => '---'), ...rows];
  return `${lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}\n`;
}

function rowOf(
  measured: All,
  work: WorkName,
  names: readonly GatewayName[],
  others: readonly GatewayName[],
): string[] {
  const figures = (name: GatewayName): readonly Figure[] => measured.get(name)?.[work] ?? [];
  const reached = median(ratiosOf(figures(OWN), figures(MEASURE_OF_ALL)));
  return [
    WORK[work].label,
    ...names.map((name) => {
      const values = figures(name).map(({ us }) => us);
      return spread(values, 1);
    }),
    ...others.map((name) => spread(ratiosOf(figures(OWN), figures(name)), 2)),
    reached === undefined ? '–' : reached <= 1 ? 'yes' : 'no',
  ];
}

/** Round by round: figures of one round met the same machine. */
export function ratiosOf(own: readonly Figure[], others: readonly Figure[]): number[] {
  return own.flatMap(({ us }, round) => {
    const other = others[round];
    return other === undefined ? [] : [us / other.us];
  });
}

function spread(values: readonly number[], digits: number): string {
  const middle = median(values);
  if (middle === undefined) return '–';
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return `${middle.toFixed(digits)} (${least.toFixed(digits)}–${most.toFixed(digits)})`;
}

function median(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  return low === undefined || high === undefined ? undefined : (low + high) / 2;
}
