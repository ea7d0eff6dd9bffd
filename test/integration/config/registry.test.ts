import type { ProxyList } from '#contracts/api/config.ts';
import type { ServiceEndpoints } from '#contracts/events.ts';
import type { ProxyGrant } from '#contracts/signing.ts';
import { type MeshSubjects, meshSubjects } from '#contracts/subjects.ts';
import { systemClock } from '#platform/clock.ts';
import { decodeJson } from '#platform/nats.ts';
import { createServiceLog } from '#platform/service-log.ts';
import { Signer, Trust, newSigningKeys } from '#platform/signing.ts';
import { uniqueMesh } from '#test/parts.ts';
import type { NatsConnection } from 'nats';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { ensureStreams, wantedStreams } from '../../../services/config/log/streams.ts';
import { adoptMessage } from '../../../services/config/registry/published.ts';
import { EndpointPublisher } from '../../../services/config/registry/publisher.ts';
import { Registry } from '../../../services/config/registry/registry.ts';
import { type Api, SpokenProxy, eventually, natsClient, startService } from './support.ts';

let mesh: string;
let subjects: MeshSubjects;
let connection: NatsConnection;

beforeEach(async () => {
  mesh = uniqueMesh();
  subjects = meshSubjects(mesh);
  connection = await natsClient();
});

const announcing = (port: number): object => ({
  announces: { service: 'shop/reviews', address: '127.0.0.1', port },
});

async function publishedPorts(): Promise<string> {
  const manager = await connection.jetstreamManager();
  const last = { last_by_subj: subjects.endpoints('shop', 'reviews') };
  try {
    const message = await manager.streams.getMessage(subjects.streams.endpoints, last);
    const set = decodeJson(message.data) as unknown as ServiceEndpoints;
    return set.endpoints.map(({ port }) => port).join();
  } catch {
    return 'none'; // Nothing published yet.
  }
}

const untilPublished = (ports: string): Promise<void> =>
  eventually(`ports ${ports}`, async () => (await publishedPorts()) === ports);

const isWriter = async (api: Api): Promise<boolean> => {
  const { body } = await api.get<string>('/metrics');
  return body.includes('windrose_config_registry_writer 1\n');
};

/** A publisher with a registry that knows one endpoint, and what it said. */
function writer(id: string, port: number) {
  const said: string[] = [];
  const registry = new Registry({
    clock: systemClock,
    addresses: { allows: () => true },
    onChange: () => undefined,
    onRefused: () => undefined,
  });
  const hear = (at: number): void => {
    registry.sets.put(
      'shop/reviews',
      { address: '127.0.0.1', port: at, proxy: id, zone: '' },
      0,
      0,
    );
    publisher.markChanged('shop/reviews');
  };
  const publisher = new EndpointPublisher({
    ...{ connection, mesh, subjects, registry, id, clock: systemClock },
    log: createServiceLog({ service: 'config', level: 'silent' }),
    onBegun: () => {
      said.push('begun');
      hear(port);
    },
    onFenced: () => said.push('fenced'),
    adopt: (message) => void adoptMessage(registry, message, { mesh }, false),
  });
  onTestFinished(() => publisher.stop());
  return { publisher, said, hear };
}

/** Sequence of the newest fence, once there is one after `after`. */
async function fenceAfter(after: number): Promise<number> {
  let sequence = 0;
  await eventually('a fence', async () => {
    const manager = await connection.jetstreamManager();
    const last = { last_by_subj: subjects.endpointsFence };
    const found = await manager.streams
      .getMessage(subjects.streams.endpoints, last)
      .catch(() => undefined); // Not written yet.
    sequence = found?.seq ?? 0;
    return sequence > after;
  });
  return sequence;
}

describe('the writer of endpoints', () => {
  beforeEach(async () => {
    await ensureStreams(await connection.jetstreamManager(), wantedStreams(subjects, 1));
  });

  test('that was overtaken changes nothing, though it does not know yet', async () => {
    const old = writer('old', 9001);
    old.publisher.begin();
    const first = await fenceAfter(0);
    old.publisher.fenceRead(first);
    await untilPublished('9001');
    const next = writer('next', 9002);
    next.publisher.begin();
    const second = await fenceAfter(first);
    // The subject is still as the old one left it: only the fence refuses it.
    old.hear(9003);
    await eventually('it is refused', () => old.said.includes('fenced'));
    expect(await publishedPorts()).toBe('9001');
    next.publisher.fenceRead(second);
    await untilPublished('9002');
    expect(next.said).toEqual(['begun']);
  });
});

describe('several config services', () => {
  test('one writes; when it stops the next one does at once, and knows who lives', async () => {
    const first = await startService(mesh);
    await eventually('the first one writes', () => isWriter(first.api));
    const second = await startService(mesh);
    const proxies = [9001, 9002].map((port) => new SpokenProxy(connection, mesh, `r${port}`));
    await proxies[0]?.beat(announcing(9001));
    await proxies[1]?.beat(announcing(9002));
    await untilPublished('9001,9002');
    expect(await isWriter(second.api)).toBe(false);
    await first.stop();
    await eventually('the second one writes', () => isWriter(second.api));
    await proxies[0]?.beat({ state: 'goodbye' });
    await untilPublished('9002');
  });

  test('the stream made again is written again', async () => {
    const { api } = await startService(mesh);
    const proxy = new SpokenProxy(connection, mesh, 'r1');
    await proxy.beat(announcing(9001));
    await untilPublished('9001');
    const manager = await connection.jetstreamManager();
    await manager.streams.delete(subjects.streams.endpoints);
    await ensureStreams(manager, wantedStreams(subjects, 1));
    await proxy.beat({ ...announcing(9002), instance: 'r1-2' });
    await untilPublished('9002');
    expect(await isWriter(api)).toBe(true);
  });
});

describe('an announcement beyond its grant', () => {
  test('is refused and alarmed: counted, and a problem of that proxy', async () => {
    const keys = newSigningKeys();
    const signer = new Signer(keys.privateKey, 'test');
    const trust = new Trust([{ pem: keys.publicKey, from: 'test' }]);
    const { api } = await startService(mesh, { trust });
    const granted = (proxy: string, service: string): SpokenProxy =>
      new SpokenProxy(connection, mesh, proxy, {
        grant: signer.sign<ProxyGrant>('grant', { mesh, proxy, service, cidrs: ['127.0.0.0/8'] }),
      });
    const [liar, honest] = [granted('liar', 'shop/orders'), granted('honest', 'shop/reviews')];
    await liar.beat(announcing(6666));
    await new SpokenProxy(connection, mesh, 'bare').beat(announcing(6667));
    await honest.beat(announcing(9001));
    await untilPublished('9001');
    const { body } = await api.get<ProxyList>('/v1/proxies');
    expect(body.items.map(({ proxy, withheld }) => [proxy, withheld?.message])).toEqual([
      ['bare', expect.stringContaining('no grant')],
      ['liar', 'its grant is for shop/orders, and it announces shop/reviews'],
      ['honest', undefined],
    ]);
    const metrics = await api.get<string>('/metrics');
    expect(metrics.body).toContain('windrose_config_announcements_refused_total 2\n');
  });
});

test('a proxy that comes and goes is held out, and said to be', async () => {
  const { api } = await startService(mesh);
  await new SpokenProxy(connection, mesh, 'calm').beat(announcing(9001));
  await untilPublished('9001');
  const flapping = new SpokenProxy(connection, mesh, 'flapping');
  for (let start = 0; start < 6; start++) {
    const instance = `flapping-${start}`;
    await flapping.beat({ ...announcing(9002), instance });
    if (start < 5) await flapping.beat({ ...announcing(9002), instance, state: 'goodbye' });
  }
  const withheld = async (): Promise<string[]> => {
    const { body } = await api.get<ProxyList>('/v1/proxies');
    return body.items.map((item) => `${item.proxy} ${item.state} ${item.withheld?.reason ?? ''}`);
  };
  await eventually(
    'the last start is heard',
    async () => (await withheld())[0] === 'flapping up damped',
  );
  expect(await withheld()).toEqual(['flapping up damped', 'calm up ']);
  expect(await publishedPorts()).toBe('9001');
  const metrics = await api.get<string>('/metrics');
  expect(metrics.body).toContain('windrose_config_endpoints_damped 1\n');
});
