import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { FakeClock } from '#platform/clock.ts';
import type { DataPlane } from '#proxy/dataplane.ts';
import { dnsLookup } from '#proxy/upstream/dns.ts';
import { type NameServer, startNameServer } from '#test/dns.ts';
import { until } from '#test/processes.ts';
import { describe, expect, it, onTestFinished } from 'vitest';
import { own, service } from '../unit/proxy/support/world.ts';
import { call, detailOf } from './support/call.ts';
import { openFront, routed } from './support/front.ts';

const external = (host: string, port: number): object => {
  const made = service('app') as { spec: object };
  const ports = [{ port: 80, targetPort: port }];
  return { ...made, spec: { ...made.spec, type: 'ExternalName', externalName: host, ports } };
};

const at = (ttlS: number, ...addresses: string[]) => ({ addresses, ttlS });

/** Servers on one port of several addresses. */
async function startServers(): Promise<number> {
  let port = 0;
  for (const address of ['127.0.0.1', '127.0.0.2', '127.0.0.3']) {
    const server = createServer((_request, response) => response.end('ok'));
    server.listen(port, address);
    await once(server, 'listening');
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    ({ port } = server.address() as AddressInfo);
  }
  return port;
}

/** A service at `app.test`, with servers behind it. */
async function byName(server: NameServer, more: object[] = []) {
  const plane = routed({
    ...{ app: external('app.test', await startServers()), endpoints: [], more },
    lookup: dnsLookup([server.at]),
  });
  return { plane, front: await openFront({ dataPlane: plane }) };
}

const addressesOf = (plane: DataPlane): string =>
  plane
    .endpoints()
    .map(({ address }) => address)
    .join();

describe('F22: DNS fails', () => {
  it('the last good addresses serve on, for as long as it takes', async () => {
    const server = await startNameServer({ 'app.test': at(1, '127.0.0.1', '127.0.0.2') });
    const { plane, front } = await byName(server);
    expect((await call(front.port)).status).toBe(200);
    expect(addressesOf(plane)).toBe('127.0.0.1,127.0.0.2');
    server.zone = { 'app.test': 'SERVFAIL' };
    const failed = server.asked.length;
    await until('it is asked again, twice', () => server.asked.length >= failed + 4);
    expect((await call(front.port)).status).toBe(200);
    server.zone = { 'app.test': at(1, '127.0.0.3') };
    await until('it is back', () => addressesOf(plane) === '127.0.0.3');
    expect((await call(front.port)).status).toBe(200);
  });

  it('a name that is taken away has no endpoint, and one again when it is back', async () => {
    const server = await startNameServer({ 'app.test': at(1, '127.0.0.1') });
    const { plane, front } = await byName(server);
    expect((await call(front.port)).status).toBe(200);
    server.zone = {};
    await until('nothing is left', () => addressesOf(plane) === '');
    const none = await call(front.port);
    expect([none.status, detailOf(none)]).toEqual([503, 'the service has no endpoint']);
    server.zone = { 'app.test': at(1, '127.0.0.1') };
    await until('it is back', () => addressesOf(plane) === '127.0.0.1');
  });
});

describe('an endpoint by name', () => {
  it('is waited for by the first request, and balanced over all its addresses', async () => {
    const server = await startNameServer({ 'app.test': at(60, '127.0.0.1', '127.0.0.2') });
    const { front } = await byName(server);
    const answers = await Promise.all(Array.from({ length: 20 }, () => call(front.port)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    await until('the records', () => front.records.length === 20);
    const endpoints = new Set(front.records.map(({ endpoint }) => endpoint.split(':')[0]));
    expect(endpoints).toEqual(new Set(['127.0.0.1', '127.0.0.2']));
  });

  it('is never link-local, nor outside the networks of the mesh', async () => {
    const server = await startNameServer({
      'app.test': at(60, '169.254.169.254', '127.0.0.2', '10.0.0.1', '0.0.0.0'),
    });
    const mesh = own('Mesh', 'demo', { endpointCidrs: ['127.0.0.0/8'] });
    const { plane, front } = await byName(server, [mesh]);
    for (let i = 0; i < 5; i++) expect((await call(front.port)).status).toBe(200);
    expect(addressesOf(plane)).toBe('127.0.0.2');
  });

  it('that leads nowhere allowed is none', async () => {
    const server = await startNameServer({ 'app.test': at(60, '169.254.169.254') });
    const { front } = await byName(server);
    expect((await call(front.port)).status).toBe(503);
  });

  it('does not hold a request for longer than two seconds', async () => {
    const clock = new FakeClock();
    const plane = routed({
      ...{ app: external('app.test', 80), endpoints: [], clock },
      lookup: () => undefined,
    });
    const front = await openFront({ dataPlane: plane });
    const asked = call(front.port);
    await until('it waits', () => {
      clock.advance(20);
      return clock.nowMs() >= 2_100 && front.records.length === 1;
    });
    expect((await asked).status).toBe(503);
  });
});
