import { expect, test } from 'vitest';
import { STATES, type Sight, healthOf } from '../../../../services/analytics/health/rules.ts';

const GOOD: Sight = {
  ...{ requests: 1_000, errors: 0, retries: 0, p99Ms: 40 },
  own: undefined,
  before: { requests: 10_000, p99Ms: 40 },
  proxies: { known: 2, heard: 2 },
};

const state = (changes: Partial<Sight>): string => {
  const { state: found, rule } = healthOf({ ...GOOD, ...changes });
  return `${found} by ${rule}`;
};

test.each<[string, Partial<Sight>]>([
  ['healthy by none', {}],
  ['no_traffic by no_requests', { requests: 0 }],
  ['no_traffic by no_requests', { requests: 0, proxies: { known: 2, heard: 1 } }],
  ['no_data by silent', { requests: 0, proxies: { known: 2, heard: 0 } }],
  // Whoever had ended before does not keep anybody in the dark.
  ['no_traffic by no_requests', { requests: 0, proxies: { known: 0, heard: 0 } }],
  // What came in before they fell silent is judged as long as it is in the window.
  ['healthy by none', { proxies: { known: 2, heard: 0 } }],
  ['healthy by few_requests', { requests: 19, errors: 2 }],
  ['healthy by few_requests', { requests: 19, errors: 9 }],
  ['degraded by few_requests', { requests: 18, errors: 9 }],
  ['healthy by few_requests', { requests: 2, errors: 2 }],
  ['degraded by few_requests', { requests: 3, errors: 3 }],
  ['failing by errors', { requests: 20, errors: 1 }],
  ['healthy by none', { errors: 9 }],
  ['degraded by errors', { errors: 10 }],
  ['degraded by errors', { errors: 49 }],
  ['failing by errors', { errors: 50 }],
  ['healthy by none', { p99Ms: 119 }],
  ['degraded by latency', { p99Ms: 120 }],
  ['healthy by none', { p99Ms: 49, before: { requests: 10_000, p99Ms: 1 } }],
  ['degraded by latency', { p99Ms: 51, before: { requests: 10_000, p99Ms: 1 } }],
  ['healthy by none', { p99Ms: 4_000, before: { requests: 199, p99Ms: 1 } }],
  ['healthy by none', { retries: 99 }],
  ['degraded by retries', { retries: 100 }],
  // The first rule that holds decides.
  ['failing by errors', { errors: 50, retries: 500, p99Ms: 9_000 }],
])('%s: %j', (expected, changes) => {
  expect(state(changes)).toBe(expected);
});

test('the sentence has the numbers and what they are held against', () => {
  const words = (changes: Partial<Sight>): string => healthOf({ ...GOOD, ...changes }).message;
  expect(words({ errors: 124 })).toBe('12.4 % of 1000 calls failed; 5 % is failing');
  expect(words({ errors: 124, own: { requests: 950, errors: 3 } })).toBe(
    '12.4 % of 1000 calls failed; 5 % is failing; of its own answers 3 of 950 failed, so look ' +
      'between',
  );
  expect(words({ errors: 124, own: { requests: 950, errors: 100 } })).not.toMatch(/between/);
  expect(words({ requests: 0, proxies: { known: 1, heard: 0 } })).toBe(
    'nothing was heard from its proxy',
  );
  expect(words({ p99Ms: 400 })).toBe(
    'p99 is 400 ms, and was 40 ms in the hour before; 3 times as long is degraded',
  );
  expect(words({})).toBe('1000 calls, 0 % failed, p99 40 ms');
});

test('every state has its place in lists', () => {
  const states = ['healthy', 'no_traffic', 'no_data', 'degraded', 'failing'];
  expect([...STATES].sort()).toEqual(states.sort());
});
