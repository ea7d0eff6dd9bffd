import type { DnsAnswer } from '#proxy/upstream/dns.ts';
import { expect, test } from 'vitest';
import { Plane } from '../support/plane.ts';
import { World, gateway, own, route, rule, service } from '../support/world.ts';

const EDGE = [gateway('edge', [{}]), route('all', { rules: [rule('/', 'app')] })];

function external(host: string): object {
  const made = service('app') as { spec: object };
  return { ...made, spec: { ...made.spec, type: 'ExternalName', externalName: host } };
}

function snapshotOf(...documents: object[]) {
  const { snapshot, findings } = new World(...EDGE, ...documents);
  expect(findings).toEqual([]);
  return snapshot;
}

function start(...documents: object[]) {
  const asked: { host: string; done: (answer: DnsAnswer) => void }[] = [];
  const refused: string[] = [];
  const plane = new Plane(
    snapshotOf(...documents),
    {},
    {
      lookup: (host, done) => asked.push({ host, done }),
      onRefused: (host, addresses) => refused.push(`${host} ${addresses.join()}`),
    },
  );
  const answer = (...addresses: string[]): void =>
    asked.at(-1)?.done({ kind: 'found', addresses, ttlMs: 60_000 });
  const reached = (): string[] =>
    plane.plane.endpoints().map(({ address, port }) => `${address}:${port}`);
  return { plane, asked, refused, answer, reached };
}

test('what may be no endpoint is not one, and is said when it changes', () => {
  const mesh = own('Mesh', 'demo', { endpointCidrs: ['10.0.0.0/8'] });
  const { plane, refused, answer, reached } = start(mesh, external('api.example'));
  answer('10.0.0.1', '169.254.169.254', '192.0.2.1');
  expect(reached()).toEqual(['10.0.0.1:80']);
  plane.clock.advance(60_000);
  answer('10.0.0.1', '169.254.169.254', '192.0.2.1');
  expect(refused).toEqual(['api.example 169.254.169.254,192.0.2.1']);
  plane.clock.advance(60_000);
  answer('10.0.0.1');
  expect(refused).toHaveLength(1);
});

test('a request before the first answer waits for it, and the next ones for nothing', async () => {
  const { plane, answer } = start(external('api.example'));
  const waiting = plane.ask();
  plane.clock.advance(100);
  expect(plane.tries).toEqual([]);
  answer('10.0.0.1');
  plane.clock.advance(40);
  expect((await waiting).said).toBe('200');
  expect((await plane.ask()).said).toBe('200');
  expect(plane.tries.map(({ endpoint }) => endpoint.address)).toEqual(['10.0.0.1', '10.0.0.1']);
});

test('a configuration that names another host asks for that one and forgets the first', () => {
  const { plane, asked, answer, reached } = start(external('a.example'));
  answer('10.0.0.1');
  expect(reached()).toEqual(['10.0.0.1:80']);
  plane.plane.swap(snapshotOf(external('b.example')));
  expect([asked.map(({ host }) => host), reached()]).toEqual([['a.example', 'b.example'], []]);
  answer('10.0.0.2');
  expect(reached()).toEqual(['10.0.0.2:80']);
  plane.clock.advance(600_000);
  expect(asked.slice(2).map(({ host }) => host)).toEqual(['b.example']);
});

test('the same services swapped in again ask nothing', () => {
  const { plane, asked, answer, reached } = start(external('a.example'));
  answer('10.0.0.1');
  plane.plane.swap(snapshotOf(external('a.example')));
  expect([asked.length, reached()]).toEqual([1, ['10.0.0.1:80']]);
});
