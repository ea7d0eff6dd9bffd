import { readResource } from '#contracts/resources/read.ts';
import { expect, test } from 'vitest';
import { CERTIFICATE, resourceList } from '../../bench/peer/resources.ts';
import { type Figure, readH2load } from '../../bench/tls/measure.ts';
import { ratiosOf, tableText } from '../../bench/tls/results.ts';

const REPORT = `starting benchmark...
TLS Protocol: TLSv1.3
finished in 500.00ms, 2000.00 req/s, 1.00MB/s
requests: 1000 total, 1000 started, 1000 done, 1000 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 1000 2xx, 0 3xx, 0 4xx, 0 5xx
`;

const figures = (...all: number[]): Figure[] => all.map((us) => ({ us, perSecond: 1 }));
const measured = (h2: Figure[]) => {
  const [h1, h1Tls, h2Tls, full, resumed] = [[], [], [], [], []];
  return { h1, h1Tls, h2, h2Tls, full, resumed };
};

test('what h2load says counts only when all was answered, and over TLS 1.3', () => {
  expect(readH2load(REPORT, 1_000, true)).toBe(500);
  expect(() => readH2load(REPORT, 1_001, true)).toThrow('1000 of 1001 requests');
  const refused = REPORT.replace('1000 2xx, 0 3xx', '999 2xx, 1 3xx');
  expect(() => readH2load(refused, 1_000, false)).toThrow('999 of 1000 requests');
  const older = REPORT.replace('TLSv1.3', 'TLSv1.2');
  expect(() => readH2load(older, 1_000, true)).toThrow('no TLS 1.3');
  expect(readH2load(older, 1_000, false)).toBe(500);
});

test('a ratio is taken round by round, and held to Envoy', () => {
  const [own, envoy] = [figures(20, 30, 10), figures(40, 20, 40)];
  expect(ratiosOf(own, envoy)).toEqual([0.5, 1.5, 0.25]);
  const table = tableText(
    new Map([
      ['windrose', measured(own)],
      ['envoy', measured(envoy)],
    ]),
  );
  expect(table).toContain(
    '| h2 in the clear | 20.0 (10.0–30.0) | 40.0 (20.0–40.0) | 0.50 (0.25–1.50) | yes |',
  );
  expect(table).not.toContain('over TLS');
});

test('a peer that is told of a certificate listens for HTTPS with it', () => {
  const { items } = resourceList({
    ...{ scenario: 'bare', routes: [], keys: [], port: 8080, metricsPort: 8081, rate: 5 },
    ...{ accessLog: 'access.log', stateDir: '.' },
    tls: { port: 8443, cert: 'cert.pem', key: 'key.pem' },
  });
  const read = readResource(items[0], 'bench');
  if (!read.ok || read.resource.kind !== 'Gateway') throw new Error('the Gateway is not valid');
  const [, secure] = read.resource.spec.listeners;
  expect([secure?.port, secure?.protocol]).toEqual([8443, 'HTTPS']);
  const [ref] = secure?.tls?.certificateRefs ?? [];
  expect(`bench/${ref?.name}`).toBe(CERTIFICATE);
});
