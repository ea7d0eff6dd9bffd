import type { Sampling } from '#proxy/policy/telemetry/config.ts';
import { Sampler } from '#proxy/telemetry/access/sampler.ts';
import { expect, test } from 'vitest';
import { Chance } from '../../../../property/http1/random.ts';
import { type ExchangeChanges, exchangeOf, rulesOf } from '../exchanges.ts';

const OLD_MS = 1e9;

const tenth: Sampling = { share: 0.1, slowerThanMs: 500, newRevisionMs: 60_000 };

/** One that has seen the revision of `exchangeOf` long ago. */
function sampler(): Sampler {
  const made = new Sampler(() => 0.5);
  made.weightOf(exchangeOf(), 0, 0);
  return made;
}

const sampled = (sampling: Sampling, changes: ExchangeChanges = {}) =>
  exchangeOf({ records: rulesOf({ sampling }), ...changes });

function traceId(chance: Chance): string {
  const digits = Array.from({ length: 4 }, () => chance.below(2 ** 32).toString(16));
  return digits.map((each) => each.padStart(8, '0')).join('');
}

test('without sampling every record stands for its request', () => {
  expect(sampler().weightOf(exchangeOf(), 1, OLD_MS)).toBe(1);
});

test.each([0.1, 0.3, 0.9, 1, 0.001])('weights of a share of %f sum up to the requests', (share) => {
  const each = sampler();
  const chance = new Chance(7);
  let kept = 0;
  let sum = 0;
  const requests = 200_000;
  for (let i = 0; i < requests; i++) {
    const exchange = sampled({ ...tenth, share }, { trace: { traceId: traceId(chance) } });
    const weight = each.weightOf(exchange, 1, OLD_MS);
    if (weight > 0) kept++;
    sum += weight;
  }
  // Five standard deviations of a binomial share.
  const slack = 5 * Math.sqrt(requests * share * (1 - share)) + 1e-9;
  expect(Math.abs(kept - requests * share)).toBeLessThanOrEqual(slack);
  expect(Math.abs(sum - requests)).toBeLessThanOrEqual((slack + 5) / share);
});

test('hops agree by the trace, whoever asks', () => {
  const chance = new Chance(1);
  for (let i = 0; i < 1_000; i++) {
    const exchange = sampled(tenth, { trace: { traceId: traceId(chance) } });
    const weights = [sampler(), sampler()].map((each) => each.weightOf(exchange, 1, OLD_MS));
    expect(weights[0]).toBe(weights[1]);
  }
});

test('errors and what is slow are kept, and stand for themselves', () => {
  const none = { ...tenth, share: 0 };
  const weight = (changes: ExchangeChanges, durationMs = 1): number =>
    sampler().weightOf(sampled(none, changes), durationMs, OLD_MS);
  expect(weight({})).toBe(0);
  expect(weight({ status: 404 })).toBe(0);
  expect(weight({ status: 503 })).toBe(1);
  expect(weight({ status: 0, reason: 'upstream_refused' })).toBe(1);
  expect(weight({ status: 0, reason: 'client_closed' })).toBe(0);
  expect(weight({}, 500)).toBe(0);
  expect(weight({}, 500.1)).toBe(1);
});

test('all is kept for a while once a newer revision is served, and not for an older one', () => {
  const none = { ...tenth, share: 0 };
  const each = sampler();
  const weight = (nowMs: number, changes: ExchangeChanges = {}): number =>
    each.weightOf(sampled(none, changes), 1, nowMs);
  expect(weight(OLD_MS)).toBe(0);
  expect(weight(OLD_MS, { sequence: 43 })).toBe(1);
  expect(weight(OLD_MS + 1, { sequence: 42 })).toBe(0);
  expect(weight(OLD_MS + 59_999, { sequence: 43 })).toBe(1);
  expect(weight(OLD_MS + 60_000, { sequence: 43 })).toBe(0);
  expect(weight(OLD_MS + 60_000, { sequence: 1, epoch: 2 })).toBe(1);
});

test('what has no trace is drawn', () => {
  const exchange = sampled({ ...tenth, share: 0.5 }, { trace: { traceId: '' } });
  expect(new Sampler(() => 0.4).weightOf(exchange, 1, OLD_MS)).toBe(1);
  const later = new Sampler(() => 0.6);
  later.weightOf(exchange, 1, 0);
  expect(later.weightOf(exchange, 1, OLD_MS)).toBe(0);
});
