import type { ServiceEndpoints } from '#contracts/events.ts';
import { encodeJson } from '#platform/nats.ts';
import { Signer, Trust, newSigningKeys } from '#platform/signing.ts';
import { EndpointBook, readEndpoints } from '#proxy/snapshot/endpoints.ts';
import { describe, expect, it, test } from 'vitest';

const keys = newSigningKeys();
const signer = new Signer(keys.privateKey, 'a key');
const trust = new Trust([{ pem: keys.publicKey, from: 'a key' }]);

function announced(second: number, port: number | undefined): ServiceEndpoints {
  const endpoint = { address: '10.0.0.1', port: port ?? 0, proxy: 'a-1', zone: '' };
  return {
    ...{ mesh: 'm', service: 'shop/a', endpoints: port === undefined ? [] : [endpoint] },
    time: new Date(second * 1_000).toISOString(),
  };
}

const good = announced(1, 80);
const sign = (value: object): object => signer.sign('endpoints', value);
const read = (value: unknown, subject = 'windrose.m.endpoints.shop.a') =>
  readEndpoints(encodeJson(value), { mesh: 'm', subject, trust });

describe('a message about endpoints', () => {
  it('is taken when a trusted key has signed it', () => {
    expect(read(sign(good))).toMatchObject(good);
  });

  it.each<[string, unknown, string]>([
    ['no signature', good, 'is not signed'],
    ['another port', { ...sign(good), ...announced(1, 81) }, 'does not match its signature'],
    ['a signature for a head', signer.sign('head', good), 'does not match its signature'],
    ['another mesh', sign({ ...good, mesh: 'x' }), 'belongs to the mesh x'],
    ['a service of three parts', sign({ ...good, service: 'a/b/c' }), 'names no service'],
    [
      'a service that is not its subject’s',
      sign({ ...good, service: 'shop/b' }),
      'speaks of shop/b',
    ],
    ['no time', sign({ ...good, time: 'now' }), 'has no time'],
    ['no list', sign({ ...good, endpoints: {} }), 'has no list of endpoints'],
    ['no port', sign({ ...good, endpoints: [{ address: 'a' }] }), 'has no list of endpoints'],
    ['no object', 3, 'is no JSON object'],
  ])('with %s is refused', (_what, value, why) => {
    expect(read(value)).toBe(why);
  });
});

test('what is older than what is known of a service is not taken, be that nothing', () => {
  const book = new EndpointBook();
  expect(book.set(announced(2, 80))).toBe(true);
  expect(book.set(announced(1, 81))).toBe(false);
  expect(book.all()).toEqual([announced(2, 80)]);
  expect(book.set(announced(2, 80))).toBe(true);
  expect(book.set(announced(3, undefined))).toBe(true);
  expect(book.all()).toEqual([]);
  expect(book.set(announced(2, 80))).toBe(false);
  expect(book.all()).toEqual([]);
});
