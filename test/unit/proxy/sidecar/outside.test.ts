import type { Lookup } from '#proxy/upstream/dns.ts';
import { isOwnOutbound } from '#proxy/sidecar.ts';
import { describe, expect, it, test } from 'vitest';
import { Plane, failed, head } from '../support/plane.ts';
import { World, own, service } from '../support/world.ts';

const OUT = { direction: 'outbound', listener: 'outbound' } as const;
const ADDRESSES: Record<string, string[]> = {
  'two.test': ['10.0.0.1', '10.0.0.2'],
  'metadata.test': ['169.254.169.254'],
  'mixed.test': ['169.254.169.254', 'fe80::1', '10.0.0.3'],
  'self.test': ['127.0.0.1'],
};
const lookup: Lookup = (host, done) => {
  const addresses = ADDRESSES[host];
  done(addresses === undefined ? { kind: 'none' } : { kind: 'found', addresses, ttlMs: undefined });
};

function plane(unknownHosts: string, more: object = {}): Plane {
  const mesh = own('Mesh', 'demo', { outbound: { unknownHosts }, ...more });
  const { snapshot, findings } = new World(mesh, service('app'));
  expect(findings).toEqual([]);
  const scope = { role: 'sidecar', service: 'shop/web' } as const;
  const isOwn = (address: string, port: number) => address === '127.0.0.1' && port === 15_001;
  return new Plane(snapshot, scope, { lookup, isOwn });
}

describe('a host that is no Service', () => {
  it('is refused unless the mesh allows it', async () => {
    expect((await plane('Refuse').ask({ ...OUT, host: 'two.test' })).said).toBe('404 no_route');
    expect((await plane('Allow').ask({ ...OUT, host: 'two.test' })).said).toBe('200');
  });

  it('is called where its name leads, outside the networks of endpoints too', async () => {
    const some = plane('Allow', { endpointCidrs: ['127.0.0.0/8'] });
    await some.ask({ ...OUT, host: 'two.test' });
    await some.ask({ ...OUT, host: '10.1.1.1', port: 8080 });
    await some.ask({ ...OUT, host: 'two.test', isStream: true, protocol: 'tls' });
    const called = some.tries.map(({ endpoint: { address, port } }) => `${address}:${port}`);
    expect(called).toEqual([
      expect.stringMatching(/^10\.0\.0\.[12]:80$/),
      '10.1.1.1:8080',
      expect.stringMatching(/^10\.0\.0\.[12]:443$/),
    ]);
  });

  it('has another of its addresses tried where one does not answer', async () => {
    const some = plane('Allow');
    some.answer = failed('upstream_refused');
    const { said, asked } = await some.ask({ ...OUT, host: 'two.test' });
    expect([said, asked.retries]).toEqual(['503 upstream_refused', 1]);
    expect(new Set(some.tries.map(({ endpoint }) => endpoint.address)).size).toBe(2);
  });

  it.each([
    ['metadata.test', 80, '404 no_route'],
    ['self.test', 15_001, '404 no_route'],
    ['nowhere.test', 80, '503 no_endpoint'],
    ['', undefined, '404 no_route'],
  ])('%s:%s is %s', async (host, port, expected) => {
    const some = plane('Allow');
    expect((await some.ask({ ...OUT, host, port })).said).toBe(expected);
    expect(some.tries).toEqual([]);
  });

  it('is never called at a link-local address, whatever else its name leads to', async () => {
    const some = plane('Allow');
    for (let count = 0; count < 20; count++) await some.ask({ ...OUT, host: 'mixed.test' });
    expect(new Set(some.tries.map(({ endpoint }) => endpoint.address))).toEqual(
      new Set(['10.0.0.3']),
    );
  });

  it('shares the limit of requests in flight with all others', async () => {
    const some = plane('Allow');
    const held = Array.from({ length: 1_024 }, () => some.make({ ...OUT, host: 'two.test' }));
    for (const each of held) await some.handle(each);
    expect((await some.ask({ ...OUT, host: '10.1.1.1' })).said).toBe('503 circuit_open');
    for (const each of held) some.plane.release(each, { aborted: false });
    some.answer = head(204);
    expect((await some.ask({ ...OUT, host: '10.1.1.1' })).said).toBe('204');
  });
});

test.each([
  ['127.0.0.1', 15_001, true],
  ['::ffff:127.0.0.1', 15_001, true],
  ['127.0.0.1', 15_002, false],
  ['192.0.2.1', 15_001, false],
  ['127.0.0.9', 15_010, true],
  ['192.0.2.1', 15_010, false],
])('what goes to %s:%s comes back: %s', (address, port, isOwn) => {
  const addresses = {
    inbound: undefined,
    outbound: { host: '127.0.0.1', port: 15_001 },
    outboundPorts: [
      { callee: { service: 'a/b', port: 80 }, at: { host: '0.0.0.0', port: 15_010 } },
    ],
  };
  expect(isOwnOutbound(addresses, address, port)).toBe(isOwn);
});
