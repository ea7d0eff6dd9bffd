/**
 * How a service, or an edge of the service graph, is: the one table of rules, from which the API,
 * the command line and the SQL of boards decide. Pure.
 */

/** The worst first. */
export const HEALTH_STATES = ['failing', 'degraded', 'no_data', 'no_traffic', 'healthy'] as const;
export type HealthState = (typeof HEALTH_STATES)[number];

/** Whose numbers `requests`, `errorShare` and `p99Ms` are. */
export const SIDES = ['callers', 'own', 'sent'] as const;
export type Side = (typeof SIDES)[number];

/**
 * What rules look at, of one window of time. The same names are columns of the SQL (sql.ts). Of a
 * service the numbers are its callers'; where no caller has any, its own proxies'; of one that
 * nobody calls (a Gateway), those of the calls that it makes. Of an edge they are the caller's.
 */
export interface HealthFacts {
  requests: number;
  errors: number;
  /** 0 to 1; 0 without requests. */
  errorShare: number;
  p99Ms: number;
  /** Median of the p99 of each minute of the hour before; 0 while too few minutes had calls. */
  usualP99Ms: number;
  /** p99Ms ÷ usualP99Ms; 0 without the latter. */
  slowdown: number;
  /**
   * What the proxies of the called service saw, of all its callers together: an inbound proxy
   * believes no caller's name before mTLS.
   */
  ownRequests: number;
  ownErrors: number;
  /**
   * Share of the errors that the called service's proxies did not see, at least; 0 of a service
   * that has none.
   */
  unseenShare: number;
  /** Of a service, beside its callers' numbers: share of the tries that reached it and failed. */
  ownErrorShare: number;
  /** Since the newest word of any proxy that would tell of it; at most HEARD_SECONDS_MAX. */
  silentSeconds: number;
}

/** So far back words of proxies are looked for: longer silence is told as this much. */
export const HEARD_SECONDS_MAX = 3_600;

export interface HealthSettings {
  /** Length of the window that is judged, up to the time asked for. */
  windowSeconds: number;
  /** Fewer requests decide nothing. */
  requestsMin: number;
  failingShare: number;
  degradedShare: number;
  /** So many times the usual p99 is slow, from so many milliseconds on. */
  slowFactor: number;
  slowMsMin: number;
  /** Beyond it nobody knows how things are. */
  silentSeconds: number;
  /** When so much of the errors is unseen by the called service, they arose on the way. */
  unseenShare: number;
}

/** With nothing newer than this, nobody knows how the services are: in health and in alerts. */
export const SILENT_SECONDS = 120;
/**
 * With fewer requests than this neither health nor an alert says anything: one failure among three
 * requests is a third, and says nothing.
 */
export const REQUESTS_MIN = 10;

export const HEALTH_DEFAULTS: HealthSettings = {
  windowSeconds: 300,
  requestsMin: REQUESTS_MIN,
  // As the alert WindroseErrorRateHigh has it.
  failingShare: 0.05,
  degradedShare: 0.01,
  slowFactor: 3,
  slowMsMin: 20,
  silentSeconds: SILENT_SECONDS,
  unseenShare: 0.5,
};

export interface Condition<Fact extends string = keyof HealthFacts> {
  fact: Fact;
  op: '>=' | '>' | '<' | '=';
  /** A setting, or a number as it is. */
  bound: keyof HealthSettings | number;
}

export interface HealthRule<Fact extends string = keyof HealthFacts, State = HealthState> {
  name: string;
  state: State;
  /** All of them must hold; without any it always does. */
  when: readonly Condition<Fact>[];
  /** What it means, for who reads it on a board. */
  meaning: string;
}

/**
 * Whether there is anything to judge. Alerting decides by these two as well, so no data and no
 * traffic mean the same in both.
 */
export const EVIDENCE_RULES: readonly HealthRule<
  'silentSeconds' | 'requests',
  'no_data' | 'no_traffic'
>[] = [
  {
    name: 'silent',
    state: 'no_data',
    when: [{ fact: 'silentSeconds', op: '>', bound: 'silentSeconds' }],
    meaning: 'No proxy that would tell of it was heard: telemetry stopped, or the proxies did.',
  },
  {
    name: 'idle',
    state: 'no_traffic',
    when: [{ fact: 'requests', op: '=', bound: 0 }],
    meaning: 'Proxies live, and nobody calls.',
  },
];

/** The first that holds decides. */
export const HEALTH_RULES: readonly HealthRule[] = [
  ...EVIDENCE_RULES,
  {
    name: 'few_requests',
    state: 'healthy',
    when: [{ fact: 'requests', op: '<', bound: 'requestsMin' }],
    meaning: 'Too few calls to decide anything.',
  },
  {
    name: 'unreached',
    state: 'failing',
    when: [
      { fact: 'errorShare', op: '>=', bound: 'failingShare' },
      { fact: 'unseenShare', op: '>=', bound: 'unseenShare' },
    ],
    meaning: 'Callers see failures that the called service never saw: refused, or lost on the way.',
  },
  {
    name: 'errors',
    state: 'failing',
    when: [{ fact: 'errorShare', op: '>=', bound: 'failingShare' }],
    meaning: 'Too large a share of the calls fails.',
  },
  {
    name: 'hidden_errors',
    state: 'degraded',
    when: [
      { fact: 'ownRequests', op: '>=', bound: 'requestsMin' },
      { fact: 'ownErrorShare', op: '>=', bound: 'failingShare' },
    ],
    meaning: 'Many tries fail, and retries hide it from the callers.',
  },
  {
    name: 'some_errors',
    state: 'degraded',
    when: [{ fact: 'errorShare', op: '>=', bound: 'degradedShare' }],
    meaning: 'Some of the calls fail.',
  },
  {
    name: 'slow',
    state: 'degraded',
    when: [
      { fact: 'slowdown', op: '>=', bound: 'slowFactor' },
      { fact: 'p99Ms', op: '>=', bound: 'slowMsMin' },
    ],
    meaning: 'p99 is far above what it was in the hour before.',
  },
  { name: 'well', state: 'healthy', when: [], meaning: 'None of the other rules holds.' },
];

/** The first rule whose conditions hold; undefined when none does. */
export function firstRule<Fact extends string, State>(
  rules: readonly HealthRule<Fact, State>[],
  facts: Readonly<Record<Fact, number>>,
  settings: HealthSettings,
): HealthRule<Fact, State> | undefined {
  return rules.find(({ when }) =>
    when.every(({ fact, op, bound }) => compare(facts[fact], op, boundOf(bound, settings))),
  );
}

/** That nobody knows, or that there is nothing; undefined: there is something to judge. */
export function evidenceOf(facts: {
  silentSeconds: number;
  requests: number;
}): 'no_data' | 'no_traffic' | undefined {
  return firstRule(EVIDENCE_RULES, facts, HEALTH_DEFAULTS)?.state;
}

/** The number that a condition compares with. */
export function boundOf(bound: Condition['bound'], settings: HealthSettings): number {
  return typeof bound === 'number' ? bound : settings[bound];
}

function compare(value: number, op: Condition['op'], bound: number): boolean {
  switch (op) {
    case '>=':
      return value >= bound;
    case '>':
      return value > bound;
    case '<':
      return value < bound;
    case '=':
      return value === bound;
    default:
      return op satisfies never;
  }
}
