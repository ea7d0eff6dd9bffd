import type { Announcement, Heartbeat } from '#contracts/events.ts';
import type { ProxyGrant } from '#contracts/signing.ts';
import { FakeClock } from '#platform/clock.ts';
import { Signer, Trust, newSigningKeys } from '#platform/signing.ts';
import { beforeEach, describe, expect, test } from 'vitest';
import { Grants } from '../../../../services/config/registry/grants.ts';
import { Registry } from '../../../../services/config/registry/registry.ts';

const keys = newSigningKeys();
const signer = new Signer(keys.privateKey, 'test');
const other = new Signer(newSigningKeys().privateKey, 'other');
const trust = new Trust([{ pem: keys.publicKey, from: 'test' }]);
const announces: Announcement = { service: 'shop/reviews', address: '10.1.0.7', port: 9000 };

const grant = (fields: Partial<ProxyGrant> = {}, by = signer): ProxyGrant =>
  by.sign('grant', {
    ...{ mesh: 'm', proxy: 'r1', service: 'shop/reviews', cidrs: ['10.1.0.0/16'] },
    ...fields,
  });

const heartbeat = (fields: Partial<Heartbeat> = {}): Heartbeat => ({
  ...{ mesh: 'm', proxy: 'r1', instance: 'r1-1', role: 'sidecar', state: 'up', version: '0.1.0' },
  ...{ workload: 'shop/reviews', zone: '', labels: {}, workers: 1, logDigest: '' },
  ...{ revision: { epoch: 1, sequence: 0 }, startedAt: '2026-01-01T00:00:00Z' },
  ...{ time: '2026-01-01T00:00:00Z', announces, grant: grant() },
  ...fields,
});

let clock: FakeClock;
let grants: Grants;
const refusalOf = (fields: Partial<Heartbeat>, what = announces): string | undefined =>
  grants.refusalOf(heartbeat(fields), what);

beforeEach(() => {
  clock = new FakeClock();
  grants = new Grants(trust, clock);
});

describe('an announcement', () => {
  test('within its grant is believed, each time', () => {
    expect([refusalOf({}), refusalOf({})]).toEqual([undefined, undefined]);
  });

  test('without a grant, or of a gateway, is not', () => {
    const { grant: _grant, ...bare } = heartbeat();
    expect(grants.refusalOf(bare, announces)).toContain('show no grant');
    const { service: _service, ...gateway } = grant();
    expect(refusalOf({ grant: signer.sign('grant', gateway) })).toContain('for no Service');
  });

  test.each([
    ['of another mesh', { mesh: 'x' }, 'that of r1 in the mesh x'],
    ['of another proxy', { proxy: 'r2' }, 'that of r2'],
    ['for another Service', { service: 'shop/orders' }, 'is for shop/orders, and it announces'],
    ['for other networks', { cidrs: ['10.2.0.0/16', '::/0'] }, 'outside the networks'],
    ['for no networks', { cidrs: [] }, 'outside the networks'],
    ['for what is no network', { cidrs: ['everywhere'] }, 'outside the networks'],
    ['that ended', { notAfter: '2025-12-31T23:59:59Z' }, 'was good until 2025-12-31'],
    ['with an end that is none', { notAfter: 'never' }, 'was good until never'],
  ])('with a grant %s is not', (_what, fields, why) => {
    expect(refusalOf({ grant: grant(fields) })).toContain(why);
  });

  test('with a grant that nobody trusted signed, or that was changed after, is not', () => {
    expect(refusalOf({ grant: grant({}, other) })).toContain('not trusted');
    expect(refusalOf({})).toBeUndefined();
    const forged = { ...grant(), cidrs: ['0.0.0.0/0'] };
    expect(refusalOf({ grant: forged })).toContain('does not match its signature');
    expect(refusalOf({ grant: { ...grant(), signature: undefined as never } })).toContain('signed');
  });

  test('stops being believed when its grant ends', () => {
    const ends = grant({ notAfter: '2026-01-01T00:01:00Z' });
    expect(refusalOf({ grant: ends })).toBeUndefined();
    clock.advance(61_000);
    expect(refusalOf({ grant: ends })).toContain('was good until');
  });
});

test('beyond its grant an endpoint goes, is alarmed once, and shown until it is mended', () => {
  const said: string[] = [];
  const registry = new Registry({
    clock,
    addresses: { allows: () => true },
    grants,
    onChange: () => undefined,
    onRefused: (_heartbeat, why) => said.push(why),
  });
  registry.hear(heartbeat());
  expect(registry.sets.of('shop/reviews')).toHaveLength(1);
  const moved = heartbeat({ announces: { ...announces, address: '10.9.0.1' } });
  registry.hear(moved);
  registry.hear(moved);
  expect(registry.sets.of('shop/reviews')).toEqual([]);
  expect(said).toHaveLength(1);
  expect(registry.announcements.withheld('r1')).toEqual({ reason: 'refused', message: said[0] });
  expect(registry.proxies.get('r1')?.state).toBe('up');
  registry.hear(heartbeat());
  expect(registry.announcements.withheld('r1')).toBeUndefined();
  expect(registry.sets.of('shop/reviews')).toHaveLength(1);
});
