// What the comparison is held to: ratios to peers measured in the same run, and two absolutes.

/** One load of one peer, in run.py's words. */
export interface Load {
  /** Requests answered. */
  n: number;
  /** Processor time of the peer's processes for each. */
  us: number;
  p99: number;
  bad: number;
  errs: number;
  lost?: number;
  /** Per cent of the proxy's core that went to others. */
  foreign: number;
}

/** One round of one peer. What the peer does not do, or was not measured, is missing. */
export interface Round {
  /** Saturation, and a fixed rate (3,000 a second): bare and full. */
  sat?: Load;
  fix?: Load;
  fsat?: Load;
  ffix?: Load;
  h2?: Omit<Load, 'p99'> | null;
  /** Access log lines for each request. */
  logged?: number;
  /** With 1,000 routes: milliseconds to ready, and MB (PSS) after load. */
  ready1000?: number;
  rss1000load?: number;
}

export type Runs = Readonly<Record<string, readonly Round[]>>;
type Figure = (round: Round) => number | undefined;

interface Definition {
  name: string;
  of: Figure;
  /** Of the same peer or another; without it, the figure stands for itself. */
  to?: { peer: string; of: Figure };
  unit?: string;
  /** Undefined: shown, and held to nothing. */
  atMost: number | undefined;
}

const OWN = 'windrose';
/** More of the core than this to others, and the figures are theirs too. */
const FOREIGN_MAX_PERCENT = 5;
const LOGGED_LEAST = 0.999;

const bare: Figure = (round) => round.sat?.us;
const full: Figure = (round) => round.fsat?.us;
const bareP99: Figure = (round) => round.fix?.p99;
const fullP99: Figure = (round) => round.ffix?.p99;
const h2: Figure = (round) => round.h2?.us;
const megabytes: Figure = (round) => round.rss1000load;
const readyMs: Figure = (round) => round.ready1000;
const to = (peer: string, of: Figure): { peer: string; of: Figure } => ({ peer, of });

/** Half of Envoy is the reason for an engine of our own. */
const DEFINITIONS: readonly Definition[] = [
  { name: 'bare: µs a request ÷ Envoy', of: bare, to: to('envoy', bare), atMost: 0.5 },
  { name: 'full: µs a request ÷ Envoy', of: full, to: to('envoy', full), atMost: 0.5 },
  { name: 'full: µs a request ÷ HAProxy', of: full, to: to('haproxy', full), atMost: 1.1 },
  { name: 'full ÷ bare: µs a request', of: full, to: to(OWN, bare), atMost: 1.35 },
  {
    name: 'bare: p99 at fixed rate ÷ Envoy',
    of: bareP99,
    to: to('envoy', bareP99),
    atMost: 1,
  },
  {
    name: 'full: p99 at fixed rate ÷ Envoy',
    of: fullP99,
    to: to('envoy', fullP99),
    atMost: 1,
  },
  { name: 'h2: µs a request ÷ Envoy', of: h2, to: to('envoy', h2), atMost: 1 },
  { name: '1,000 routes, after load', of: megabytes, unit: 'MB', atMost: 110 },
  { name: '1,000 routes, ready', of: readyMs, unit: 'ms', atMost: 200 },
];

export interface Target {
  name: string;
  unit: string;
  atMost: number | undefined;
  /** Median over the rounds; undefined: not measured. */
  value: number | undefined;
  least: number | undefined;
  most: number | undefined;
  rounds: number;
  reached: boolean | undefined;
}

/** A ratio is taken round by round, since peers of one round met the same machine. */
export function targetsOf(runs: Runs): Target[] {
  return DEFINITIONS.map((definition) => {
    const values = valuesOf(runs, definition);
    const { name, unit = '', atMost } = definition;
    const value = median(values);
    return {
      ...{ name, unit, atMost, value, rounds: values.length },
      least: values[0],
      most: values.at(-1),
      reached: value === undefined || atMost === undefined ? undefined : value <= atMost,
    };
  });
}

function valuesOf(runs: Runs, { of, to: other }: Definition): number[] {
  const own = runs[OWN] ?? [];
  const others = other === undefined ? own : (runs[other.peer] ?? []);
  // A round that failed is missing in run.py's list: which belong together is then unknown.
  if (others.length !== own.length) return [];
  const values = own.map((round, index) => {
    const value = of(round);
    if (other === undefined) return value;
    const divisor = other.of(others[index] ?? {});
    return value === undefined || divisor === undefined ? undefined : value / divisor;
  });
  return values.filter((value) => value !== undefined).toSorted((a, b) => a - b);
}

function median(sorted: readonly number[]): number | undefined {
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  return low === undefined || high === undefined ? undefined : (low + high) / 2;
}

/** What speaks against believing the figures. `seen`: which features of a peer worked. */
export function doubtsOf(runs: Runs, seen: Readonly<Record<string, object>>): string[] {
  const doubts: string[] = [];
  for (const [peer, rounds] of Object.entries(runs)) {
    // Every load of every round, also those that no target looks at.
    const loads = rounds.flatMap((round) => Object.values(round).filter(isLoad));
    const wrong = loads.reduce((sum, load) => sum + load.bad + load.errs + (load.lost ?? 0), 0);
    if (wrong > 0) doubts.push(`${peer}: ${wrong} requests failed or were not answered by 200`);
    const foreign = Math.max(0, ...loads.map((load) => load.foreign));
    if (peer !== 'direct' && foreign > FOREIGN_MAX_PERCENT) {
      doubts.push(`${peer}: up to ${foreign.toFixed(0)} % of its core went to other work`);
    }
    const logged = Math.min(1, ...rounds.map((round) => round.logged ?? 1));
    if (logged < LOGGED_LEAST) doubts.push(`${peer}: ${logged.toFixed(3)} log lines a request`);
    if (rounds.length !== runs[OWN]?.length) doubts.push(`${peer}: a round failed`);
  }
  for (const [feature, works] of Object.entries(seen[OWN] ?? {})) {
    if (works === false) doubts.push(`${OWN}: ${feature} did not work`);
  }
  return doubts;
}

function isLoad(value: unknown): value is Load {
  return typeof value === 'object' && value !== null && 'bad' in value && 'foreign' in value;
}

export function targetsText(targets: readonly Target[], doubts: readonly string[]): string {
  const lines = targets.map(({ name, unit, atMost, value, least, most, reached }) => {
    const digits = unit === '' ? 2 : 0;
    const text = (figure: number | undefined): string => figure?.toFixed(digits) ?? '–';
    const bound = atMost === undefined ? 'none set' : `≤ ${atMost} ${unit}`.trimEnd();
    const shown = value === undefined ? 'not measured' : `${text(value)} ${unit}`.trimEnd();
    const spread = value === undefined ? '–' : `${text(least)}–${text(most)}`;
    const verdict = reached === undefined ? '–' : reached ? 'yes' : 'no';
    return `| ${name} | ${bound} | ${shown} | ${spread} | ${verdict} |`;
  });
  const head = [
    '| Windrose | target | median | rounds from–to | reached |',
    '|---|---|---|---|---|',
  ];
  const against = doubts.length === 0 ? [] : ['', 'Against it:', ...doubts.map((d) => `- ${d}`)];
  return `${[...head, ...lines, ...against].join('\n')}\n`;
}
