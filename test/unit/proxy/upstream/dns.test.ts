import { type DnsAnswer, dnsLookup } from '#proxy/upstream/dns.ts';
import { type Zone, startNameServer } from '#test/dns.ts';
import { expect, test } from 'vitest';

const ZONE: Zone = {
  'two.test': { addresses: ['10.0.0.2', '10.0.0.1'], ttlS: 30 },
  'both.test': { addresses: ['2001:db8::1', '10.0.0.3'], ttlS: 5 },
  'six.test': { addresses: ['2001:db8::5'], ttlS: 7 },
  'empty.test': { addresses: [], ttlS: 5 },
  'broken.test': 'SERVFAIL',
};

async function ask(host: string, silent = false): Promise<DnsAnswer> {
  const server = await startNameServer(ZONE);
  server.isSilent = silent;
  const lookup = dnsLookup([server.at]);
  return new Promise((resolve) => lookup(host, resolve));
}

test.each<[string, DnsAnswer]>([
  ['two.test', { kind: 'found', addresses: ['10.0.0.2', '10.0.0.1'], ttlMs: 30_000 }],
  ['both.test', { kind: 'found', addresses: ['10.0.0.3'], ttlMs: 5_000 }],
  ['six.test', { kind: 'found', addresses: ['2001:db8::5'], ttlMs: 7_000 }],
  ['broken.test', { kind: 'failed' }],
])('%s', async (host, expected) => {
  expect(await ask(host)).toEqual(expected);
});

test('a name that DNS does not know may be one of this machine', async () => {
  expect(await ask('localhost')).toMatchObject({
    kind: 'found',
    addresses: expect.arrayContaining([expect.stringMatching(/^(127\.0\.0\.1|::1)$/)]),
  });
});
