import type { Endpoint, ServiceEndpoints } from '#contracts/events.ts';
import { FakeClock } from '#platform/clock.ts';
import { encodeJson } from '#platform/nats.ts';
import { Signer, Trust, newSigningKeys } from '#platform/signing.ts';
import { beforeEach, describe, expect, it, test } from 'vitest';
import {
  type PublishedPlace,
  adoptMessage,
  timeAfter,
} from '../../../../services/config/registry/published.ts';
import { GRACE_MS, Registry, TICK_MS } from '../../../../services/config/registry/registry.ts';

const keys = newSigningKeys();
const oldKeys = newSigningKeys();
const signer = new Signer(keys.privateKey, 'a key');
const oldSigner = new Signer(oldKeys.privateKey, 'the key before');
const trust = new Trust([
  { pem: keys.publicKey, from: 'a key' },
  { pem: oldKeys.publicKey, from: 'the key before' },
]);
const place: PublishedPlace = { mesh: 'm', signer, trust };
const endpoint: Endpoint = { address: '10.0.0.1', port: 80, proxy: 'a-1', zone: '' };

let clock: FakeClock;
let registry: Registry;
let changed: string[];

beforeEach(() => {
  clock = new FakeClock();
  changed = [];
  registry = new Registry({
    clock,
    addresses: { allows: () => true },
    onChange: (service) => changed.push(service),
    onRefused: () => undefined,
  });
  registry.linkUp();
  registry.takeOver();
});

function published(second: number, endpoints: Endpoint[] = [endpoint]): ServiceEndpoints {
  const time = new Date(second * 1_000).toISOString();
  return { mesh: 'm', service: 'shop/a', endpoints, time };
}

const adopt = (sequence: number, value: unknown, resign = false): string | undefined => {
  const message = { service: 'shop/a', data: encodeJson(value), sequence };
  return adoptMessage(registry, message, place, resign);
};
const sign = (value: ServiceEndpoints, by = signer): ServiceEndpoints =>
  by.sign('endpoints', value);

/** Which services are marked to be written when both ticks of a reconciliation have passed. */
function marked(): string[] {
  changed = [];
  for (let i = 0; i < GRACE_MS / TICK_MS + 2; i++) {
    clock.advance(TICK_MS);
    registry.tick();
  }
  return [...new Set(changed)];
}

describe('a published set of endpoints', () => {
  it('is taken over when it is signed', () => {
    expect(adopt(1, sign(published(1)))).toBeUndefined();
    expect(registry.sets.of('shop/a')).toEqual([endpoint]);
    expect(registry.unpublishedSet('shop/a')).toBeUndefined();
    expect(registry.published('shop/a')).toMatchObject({ sequence: 1, timeMs: 1_000 });
  });

  it.each<[string, unknown, string]>([
    ['unsigned', published(2), 'is not signed'],
    ['of another mesh', sign({ ...published(2), mesh: 'x' }), 'belongs to the mesh x'],
    ['of another service', sign({ ...published(2), service: 'shop/b' }), 'was signed for shop/b'],
    ['older', sign(published(0)), 'is older than the one before it'],
    ['without a time', sign({ ...published(2), time: '' }), 'has no time'],
    ['no object', 7, 'is no JSON object'],
  ])('that is %s is written over by what the registry knows', (_what, forged, why) => {
    adopt(1, sign(published(1)));
    expect(adopt(2, forged)).toBe(why);
    expect(registry.sets.of('shop/a')).toEqual([endpoint]);
    expect(registry.unpublishedSet('shop/a')).toEqual([endpoint]);
    expect(registry.published('shop/a')).toMatchObject({ sequence: 2, timeMs: 1_000 });
    expect(marked()).toContain('shop/a');
  });

  it('that is forged for a service without endpoints is written over by an empty set', () => {
    expect(adopt(1, published(1))).toBe('is not signed');
    expect(registry.sets.of('shop/a')).toEqual([]);
    expect(registry.unpublishedSet('shop/a')).toEqual([]);
  });

  it('that comes again, behind one that is known already, is no alarm', () => {
    adopt(2, sign(published(2)));
    expect(adopt(2, sign(published(2)))).toBeUndefined();
    expect(adopt(1, sign(published(1)))).toBeUndefined();
  });

  it('under the key before is believed, and at the start signed anew', () => {
    adopt(1, sign(published(1), oldSigner), true);
    expect(registry.sets.of('shop/a')).toEqual([endpoint]);
    expect(registry.unpublishedSet('shop/a')).toEqual([endpoint]);
    registry.adopt('shop/a', [endpoint], 2, { timeMs: 1_001, stale: false });
    // Later it is what another service writes, with whom nobody must compete for ever.
    adopt(3, sign(published(3), oldSigner), false);
    expect(registry.unpublishedSet('shop/a')).toBeUndefined();
  });
});

test('a set is later than what it replaces, also by a clock that is behind', () => {
  expect(timeAfter(5_000, 1_000)).toBe('1970-01-01T00:00:05.000Z');
  expect(timeAfter(5_000, 5_000)).toBe('1970-01-01T00:00:05.001Z');
  expect(timeAfter(5_000, 9_000)).toBe('1970-01-01T00:00:09.001Z');
});
