import { judge } from '#contracts/health/judge.ts';
import {
  HEALTH_DEFAULTS,
  HEALTH_RULES,
  HEALTH_STATES,
  type HealthFacts,
  type HealthSettings,
  evidenceOf,
} from '#contracts/health/rules.ts';
import { judgedSql } from '#contracts/health/sql.ts';
import { expect, test } from 'vitest';

/** Of a service that is well. */
const WELL: HealthFacts = {
  requests: 3_211,
  errors: 0,
  errorShare: 0,
  p99Ms: 38.44,
  usualP99Ms: 30,
  slowdown: 38.44 / 30,
  ownRequests: 3_211,
  ownErrors: 0,
  unseenShare: 0,
  ownErrorShare: 0,
  silentSeconds: 4,
};
const of = (changes: Partial<HealthFacts>, settings: Partial<HealthSettings> = {}) => {
  const { state, rule } = judge({ ...WELL, ...changes }, 'callers', {
    ...HEALTH_DEFAULTS,
    ...settings,
  });
  return `${state} ${rule}`;
};

/** Each rule on the near and on the far side of each of its thresholds. */
const CASES: [Partial<HealthFacts>, string][] = [
  [{}, 'healthy well'],
  [{ silentSeconds: 120 }, 'healthy well'],
  [{ silentSeconds: 121 }, 'no_data silent'],
  [{ requests: 0, silentSeconds: 120 }, 'no_traffic idle'],
  [{ requests: 0, silentSeconds: 121 }, 'no_data silent'],
  [{ requests: 1, errorShare: 1, unseenShare: 1 }, 'healthy few_requests'],
  [{ requests: 9, errorShare: 1, unseenShare: 1 }, 'healthy few_requests'],
  [{ requests: 10, errorShare: 1 }, 'failing errors'],
  [{ errorShare: 0.05, unseenShare: 0.5 }, 'failing unreached'],
  [{ errorShare: 0.05, unseenShare: 0.49 }, 'failing errors'],
  [{ errorShare: 0.049, unseenShare: 1 }, 'degraded some_errors'],
  [{ errorShare: 0.05 }, 'failing errors'],
  [{ errorShare: 0.0499 }, 'degraded some_errors'],
  [{ ownErrorShare: 0.05 }, 'degraded hidden_errors'],
  [{ ownErrorShare: 0.0499 }, 'healthy well'],
  [{ ownErrorShare: 0.05, ownRequests: 10 }, 'degraded hidden_errors'],
  [{ ownErrorShare: 1, ownRequests: 9 }, 'healthy well'],
  [{ errorShare: 0.01 }, 'degraded some_errors'],
  [{ errorShare: 0.0099 }, 'healthy well'],
  [{ slowdown: 3, p99Ms: 20 }, 'degraded slow'],
  [{ slowdown: 2.99, p99Ms: 2_000 }, 'healthy well'],
  [{ slowdown: 30, p99Ms: 19.9 }, 'healthy well'],
];

test.each(CASES)('%o is %s', (facts, expected) => {
  expect(of(facts)).toBe(expected);
});

test('every rule decides somewhere, and only the last has no condition', () => {
  expect(new Set(CASES.map(([, decided]) => decided.split(' ')[1]))).toEqual(
    new Set(HEALTH_RULES.map(({ name }) => name)),
  );
  expect(HEALTH_RULES.map(({ when }) => when.length === 0)).toEqual(
    HEALTH_RULES.map((_, at) => at === HEALTH_RULES.length - 1),
  );
  expect(new Set(HEALTH_RULES.map(({ name }) => name)).size).toBe(HEALTH_RULES.length);
  expect(new Set(HEALTH_RULES.map(({ state }) => state))).toEqual(new Set(HEALTH_STATES));
});

test('every threshold is a setting', () => {
  expect(of({ errorShare: 0.02 }, { failingShare: 0.02 })).toBe('failing errors');
  expect(of({ errorShare: 0.02 }, { degradedShare: 0.03 })).toBe('healthy well');
  expect(of({ requests: 50 }, { requestsMin: 51 })).toBe('healthy few_requests');
  expect(of({ silentSeconds: 31 }, { silentSeconds: 30 })).toBe('no_data silent');
  expect(of({ slowdown: 2, p99Ms: 20 }, { slowFactor: 2 })).toBe('degraded slow');
  expect(of({ slowdown: 3, p99Ms: 20 }, { slowMsMin: 21 })).toBe('healthy well');
  expect(of({ errorShare: 0.1, unseenShare: 0.3 }, { unseenShare: 0.3 })).toBe('failing unreached');
});

test('a sentence has the numbers that decided', () => {
  const say = (changes: Partial<HealthFacts>, side: 'callers' | 'own' | 'sent' = 'callers') =>
    judge({ ...WELL, ...changes }, side, HEALTH_DEFAULTS).message;
  const bad = { errors: 398, errorShare: 398 / 3_211 };
  expect([
    say({ silentSeconds: 754 }),
    say({ silentSeconds: 3_600 }),
    say({ requests: 0 }),
    say({ requests: 0 }, 'sent'),
    say({ requests: 3, errors: 2, errorShare: 2 / 3 }),
    say({ ...bad, unseenShare: 0.98 }),
    say(bad),
    say(bad, 'own'),
    say(bad, 'sent'),
    say({ ownRequests: 3_500, ownErrorShare: 0.124 }),
    say({ errors: 67, errorShare: 67 / 3_211 }),
    say({ p99Ms: 812, usualP99Ms: 198, slowdown: 812 / 198 }),
    say({ errors: 1, errorShare: 1 / 3_211 }),
  ]).toEqual([
    'no data: no proxy that would tell of it was heard for 12 min; after 2 min nobody knows',
    'no data: no proxy that would tell of it was heard for 60 min; after 2 min nobody knows',
    'no traffic: proxies live, and nobody called in the last 5 min',
    'no traffic: it lives, and neither called nor was called in the last 5 min',
    'healthy: 3 calls in the last 5 min decide nothing (2 failed); 10 and more do',
    'failing: 12.3 % of 3,211 calls failed in the last 5 min (at 5 % it fails), and its own ' +
      'proxies did not see 98 % of the failures: refused, timed out, lost or injected on the way',
    'failing: 12.3 % of 3,211 calls failed in the last 5 min; at 5 % and more it fails',
    'failing: 12.3 % of 3,211 calls failed in the last 5 min, as its own proxies saw it; ' +
      'at 5 % and more it fails',
    'failing: 12.3 % of 3,211 calls that it made failed in the last 5 min; ' +
      'at 5 % and more it fails',
    'degraded: 12.4 % of the 3,500 tries that reached it failed in the last 5 min, and retries ' +
      'hid it from its callers; at 5 % and more it is degraded',
    'degraded: 2 % of 3,211 calls failed in the last 5 min; at 1 % and more it is degraded',
    'degraded: p99 of 812 ms in the last 5 min is 4.1 times the usual 198 ms; ' +
      'at 3 times and more it is degraded',
    'healthy: <0.1 % of 3,211 calls failed in the last 5 min, p99 38.4 ms',
  ]);
});

test('every rule has a sentence', () => {
  for (const [facts, decided] of CASES) {
    const { message, rule } = judge({ ...WELL, ...facts }, 'callers', HEALTH_DEFAULTS);
    expect(message).toMatch(/^(failing|degraded|no data|no traffic|healthy): \S/);
    expect(`${decided}`).toContain(rule);
  }
});

test('evidence comes first: the same two rules speak for alerts', () => {
  expect(evidenceOf({ silentSeconds: Infinity, requests: 5 })).toBe('no_data');
  expect(evidenceOf({ silentSeconds: 121, requests: 0 })).toBe('no_data');
  expect(evidenceOf({ silentSeconds: 120, requests: 0 })).toBe('no_traffic');
  expect(evidenceOf({ silentSeconds: 120, requests: 1 })).toBeUndefined();
});

test('the SQL of the rules has their bounds in their order', () => {
  const sql = judgedSql('facts', { ...HEALTH_DEFAULTS, failingShare: 0.0625 });
  expect(sql).toContain("multiIf((silentSeconds > 120), 'silent', (requests = 0), 'idle'");
  expect(sql).toContain("(errorShare >= 0.0625 AND unseenShare >= 0.5), 'unreached'");
  expect(sql).toMatch(/'well'\) AS rule, .* AS state\nFROM \(facts\)$/);
  const lists = HEALTH_RULES.map(({ name, state }) => [`'${name}'`, `'${state}'`]);
  const [names, states] = [0, 1].map((at) => lists.map((pair) => pair[at]).join(', '));
  expect(sql).toContain(`transform(rule, [${names}], [${states}], '') AS state`);
});
