import type { ProxyList, ReceiptBoard } from '#contracts/api/config.ts';
import type { ServiceEndpoints } from '#contracts/events.ts';
import { meshSubjects } from '#contracts/subjects.ts';
import { revokeProxy } from '#platform/mesh/accounts.ts';
import { Signer } from '#platform/signing.ts';
import { freePort } from '#test/parts.ts';
import { until } from '#test/processes.ts';
import { AckPolicy, DeliverPolicy, nanos } from 'nats';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ProxyProcess, startProxy } from '../proxy/proxy-process.ts';
import { SecuredMesh } from './secured.ts';
import { type Api, eventually, service, startService } from './support.ts';

const MESH = 'prod';
let secured: SecuredMesh;

beforeEach(async () => {
  secured = await SecuredMesh.start(MESH);
});
afterEach(() => secured.stop());

async function startConfig(): Promise<Api> {
  const config = await startService(MESH, {
    natsUrl: secured.url,
    natsCreds: secured.paths.creds.config,
    natsCa: secured.paths.nats.ca,
    signer: Signer.read(secured.paths.signingKey),
  });
  await config.ready;
  return config.api;
}

/** A gateway or a sidecar that knows its credential and where NATS is, and nothing else. */
function start(credential: string, ...flags: string[]): ProxyProcess {
  return startProxy(['--credential', credential, '--nats', secured.url, ...flags]);
}

async function startSidecar(): Promise<ProxyProcess> {
  const [inbound, app] = [await freePort(), await freePort()];
  const credential = secured.credentialFile({
    ...{ proxy: 'reviews-1', service: 'shop/reviews', cidrs: ['127.0.0.0/8'] },
  });
  return start(
    credential,
    ...['--role', 'sidecar', '--service', 'shop/reviews', '--app', `127.0.0.1:${app}`],
    ...['--inbound', `127.0.0.1:${inbound}`],
  );
}

/** What NATS or the mesh refused a proxy, in its own words. */
const refused = (proxy: ProxyProcess): unknown[] =>
  proxy.log().filter(({ msg }) => /refuse|cannot be read/.test(String(msg)));

/** Both proxies have said that they serve this revision. */
const isApplied = (api: Api, revision: string): (() => Promise<boolean>) => {
  return async () => {
    const { body } = await api.get<ReceiptBoard>(`/v1/revisions/${revision}/receipts`);
    const applied = body.items.filter(({ state }) => state === 'applied');
    return body.done && applied.map(({ proxy }) => proxy).join() === 'edge,reviews-1';
  };
};

test('a mesh works over TLS with a credential each, also after NATS was away', async () => {
  const api = await startConfig();
  await api.write({ upserts: [service('reviews')] });
  const gateway = start(secured.credentialFile({ proxy: 'edge' }));
  const sidecar = await startSidecar();
  await Promise.all([gateway.ready(), sidecar.ready()]);
  await eventually('both are up', async () => {
    const { body } = await api.get<ProxyList>('/v1/proxies');
    return body.items.filter(({ state, behind }) => state === 'up' && behind === 0).length === 2;
  });
  const first = await api.write({ upserts: [service('payments')] });
  await eventually('both have applied it', isApplied(api, first.revision));
  await eventually('the sidecar is announced', async () => {
    const { body } = await api.get<{ items: ServiceEndpoints[] }>('/v1/endpoints');
    return body.items[0]?.endpoints[0]?.proxy === 'reviews-1';
  });
  await eventually('the gateway knows where it is', async () => {
    const { body } = await gateway.admin('/endpoints');
    return body.includes('shop/reviews');
  });

  await secured.nats.restart();
  await eventually('the service writes again', async () => {
    const again = await api.post('/v1/changesets', { upserts: [service('orders')] });
    return again.status < 300;
  });
  const second = await api.write({ upserts: [service('orders', 81)] });
  await eventually('both have applied that too', isApplied(api, second.revision));
  expect([...refused(gateway), ...refused(sidecar)]).toEqual([]);
  expect(await gateway.stop()).toBe(0);
  // Sooner than by its silence.
  const isUp = async (): Promise<boolean> => {
    const { body } = await api.get<ProxyList>('/v1/proxies');
    return body.items.some(({ proxy, state }) => proxy === 'edge' && state === 'up');
  };
  await until('the goodbye was heard', async () => !(await isUp()), 8_000);
});

test('a second proxy of a name is refused, also with the same credential', async () => {
  const api = await startConfig();
  await api.write({ upserts: [service('reviews')] });
  const credential = secured.credentialFile({ proxy: 'edge' });
  const first = start(credential);
  await first.ready();
  const second = start(credential);
  expect(await second.exited).toBe(1);
  expect(second.stderr()).toContain('a live proxy of mesh prod is named edge already');
  // What the first was reading by is still its own.
  const { revision } = await api.write({ upserts: [service('orders')] });
  await eventually('the first goes on', async () => {
    const { body } = await api.get<ReceiptBoard>(`/v1/revisions/${revision}/receipts`);
    return body.items.some(({ proxy, state }) => proxy === 'edge' && state === 'applied');
  });
});

test('a revoked proxy hears nothing more, says so, and serves what it has', async () => {
  const api = await startConfig();
  await api.write({ upserts: [service('reviews')] });
  const gateway = start(secured.credentialFile({ proxy: 'edge' }));
  await gateway.ready();
  const state = async (): Promise<string | undefined> => {
    const { body } = await api.get<ProxyList>('/v1/proxies');
    return body.items.find(({ proxy }) => proxy === 'edge')?.state;
  };
  await eventually('it is up', async () => (await state()) === 'up');
  revokeProxy(secured.paths, 'edge', Date.now());
  await secured.nats.kill('SIGHUP');
  await eventually('it says why', () =>
    gateway.log().some(({ error }) => String(error).includes('AUTHORIZATION_VIOLATION')),
  );
  const { status, body } = await gateway.admin('/snapshot');
  expect(status).toBe(200);
  expect(body).toContain('"reviews"');
  expect((await gateway.admin('/readyz')).status).toBe(200);
});

// The server holds the deliver subject of a consumer against no permission: what stays possible.
test('what a hostile consumer pushes into the log is passed over by everyone', async () => {
  const api = await startConfig();
  await api.write({ upserts: [service('reviews')] });
  const gateway = start(secured.credentialFile({ proxy: 'edge' }));
  await gateway.ready();
  const { config, allEndpoints, streams } = meshSubjects(MESH);
  const hostile = await secured.asProxy('hostile');
  const manager = await hostile.jetstreamManager({ checkAPI: false });
  await manager.consumers.add(streams.endpoints, {
    ...{ name: 'hostile', ack_policy: AckPolicy.None, deliver_policy: DeliverPolicy.All },
    ...{ filter_subject: allEndpoints, deliver_subject: config, idle_heartbeat: nanos(100) },
  });
  await eventually('it has pushed', async () => {
    return (await manager.streams.info(streams.config)).state.last_seq > 3;
  });
  await manager.consumers.delete(streams.endpoints, 'hostile');
  await eventually('a write gets through', async () => {
    const { status } = await api.post('/v1/changesets', { upserts: [service('orders')] });
    return status < 300;
  });
  await eventually('the gateway has it', async () => {
    const { body } = await gateway.admin('/snapshot');
    return body.includes('"reviews"') && body.includes('"orders"');
  });
  expect(gateway.child.exitCode).toBeNull();
});
