// With what only a running proxy has: sockets and certificates.
import { once } from 'node:events';
import { createServer } from 'node:net';
import { FakeClock, systemClock } from '#platform/clock.ts';
import { createLog } from '#platform/log.ts';
import { LocalFleet } from '#proxy/local-fleet.ts';
import { localSockets } from '#proxy/listener/sockets.ts';
import { Quarantine } from '#proxy/quarantine/quarantine.ts';
import type { CertificateFiles } from '#proxy/tls/certificate.ts';
import { freePort } from '#test/parts.ts';
import { until } from '#test/processes.ts';
import { expect, onTestFinished, test } from 'vitest';
import { World, gateway, seeded } from '../support/world.ts';
import { CertificateFolder, certificates, leaf, secure, telemetryInto } from '../tls/edge.ts';

const log = createLog({ service: 'test', level: 'silent' });

function start(options: { clock?: FakeClock; files?: readonly CertificateFiles[] } = {}) {
  const fleet = new LocalFleet({
    scope: {
      ...{ role: 'gateway', gateways: undefined },
      ...{ proxy: 'edge', service: undefined, workers: 1 },
    },
    worker: 0,
    defaultAddress: '127.0.0.1',
    sidecar: { inbound: undefined, outbound: undefined, outboundPorts: [] },
    app: undefined,
    sockets: localSockets,
    certificates: options.files ?? [],
    telemetry: telemetryInto([]),
    clock: options.clock ?? systemClock,
    random: seeded(1),
    log,
  });
  onTestFinished(() => fleet.drain());
  const quarantine = new Quarantine({ fleet, log });
  const world = new World();
  const proxy = {
    said: [] as string[],
    apply: async (...documents: object[]) => {
      const before = new Map(world.state.entries);
      world.apply(...documents);
      const { state } = world;
      const changed = [...state.entries.values()].filter((each) => before.get(each.key) !== each);
      const { problems } = await quarantine.apply({
        ...{ state, revision: { epoch: 1, sequence: state.sequence } },
        changed: new Set(changed.map(({ key }) => key)),
      });
      proxy.said = problems.map(({ resource, path }) => `${resource} ${path}`);
    },
  };
  quarantine.onProblems((problems) => {
    proxy.said = problems.map(({ resource, path }) => `${resource} ${path}`);
  });
  return proxy;
}

async function isOpen(port: number): Promise<boolean> {
  return await localSockets.acquire('127.0.0.1', port).then((got) => {
    if (got.ok && 'close' in got.handle) (got.handle as { close: () => void }).close();
    return !got.ok;
  });
}

test('a port in use keeps the old one open all the while, until it is free', async () => {
  const clock = new FakeClock();
  const proxy = start({ clock });
  const [one, two, three] = [await freePort(), await freePort(), await freePort()];
  await proxy.apply(gateway('edge', [{ port: one }]));
  const holder = createServer().listen(two, '127.0.0.1');
  await once(holder, 'listening');
  onTestFinished(() => void holder.close());
  await proxy.apply(gateway('edge', [{ port: two }, { name: 'more', port: three }]));
  expect(proxy.said).toEqual(['Gateway/shop/edge spec.listeners[name=http].port']);
  // What was bound for the refused version is let go of.
  expect([await isOpen(one), await isOpen(three)]).toEqual([true, false]);
  clock.advance(2_000);
  await new Promise(setImmediate);
  expect(proxy.said).toHaveLength(1);
  holder.close();
  await once(holder, 'close');
  await until('the new ports are open', async () => {
    clock.advance(2_000);
    return (await isOpen(two)) && (await isOpen(three)) && !(await isOpen(one));
  });
  expect(proxy.said).toEqual([]);
});

test('a Gateway that goes to another address on its own port is not in its own way', async () => {
  const clock = new FakeClock();
  const proxy = start({ clock });
  const port = await freePort();
  await proxy.apply(gateway('edge', [{ port }]));
  await proxy.apply(gateway('edge', [{ port }], { addresses: [{ value: '0.0.0.0' }] }));
  await until('it is open there', async () => {
    clock.advance(2_000);
    return proxy.said.length === 0;
  });
  expect(await isOpen(port)).toBe(true);
});

test('a certificate that is not there keeps the old one, until its files are', async () => {
  const shop = leaf(['shop.example']);
  const next = leaf(['next.example']);
  const folder = new CertificateFolder().add('web', shop).add('next', next);
  folder.write('next', { cert: 'broken', key: 'broken' });
  const proxy = start({ files: folder.files });
  const port = await freePort();
  const edge = (name: string) =>
    gateway('edge', [{ port, protocol: 'HTTPS', tls: certificates(name) }]);
  await proxy.apply(edge('web'));
  await proxy.apply(edge('next'));
  expect(proxy.said).toEqual(['Gateway/shop/edge spec.listeners[name=http].tls.certificateRefs']);
  const subject = async (): Promise<unknown> => {
    const socket = await secure(port, {
      servername: 'shop.example',
      checkServerIdentity: () => undefined,
    });
    const { subjectaltname } = socket.getPeerCertificate();
    socket.destroy();
    return subjectaltname;
  };
  expect(await subject()).toBe('DNS:shop.example');
  folder.write('next', next);
  await until('the new one is shown', async () => (await subject()) === 'DNS:next.example');
  expect(proxy.said).toEqual([]);
});
