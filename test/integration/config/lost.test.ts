// What tells a config service in a signed mesh that its log is not the one that proxies followed.
import type { InfoResponse } from '#contracts/api/config.ts';
import type { LogHead } from '#contracts/events.ts';
import type { ProxyGrant } from '#contracts/signing.ts';
import { Signer, Trust, newSigningKeys } from '#platform/signing.ts';
import { uniqueMesh } from '#test/parts.ts';
import { expect, test } from 'vitest';
import { SpokenProxy, eventually, natsClient, service, startService } from './support.ts';

const keys = newSigningKeys();
const signer = new Signer(keys.privateKey, 'a key');
const trust = new Trust([{ pem: keys.publicKey, from: 'a key' }]);
const grantOf = (mesh: string, proxy: string): ProxyGrant =>
  signer.sign<ProxyGrant>('grant', { mesh, proxy, cidrs: [] });
const BEYOND = { epoch: 1, sequence: 9 };

function headOf(mesh: string, revision = BEYOND): LogHead {
  return { mesh, revision, digest: 'sha256:00', time: '2026-01-01T00:00:00Z' };
}

test('a proxy is believed as far as the signed head goes that it heard', async () => {
  const mesh = uniqueMesh();
  const { api, ready } = await startService(mesh, { signer, trust });
  await ready;
  await api.write({ upserts: [service('a')] });
  const proxy = new SpokenProxy(await natsClient(), mesh, 'liar', {
    ...{ grant: grantOf(mesh, 'liar'), revision: BEYOND },
  });
  const stranger = new Signer(newSigningKeys().privateKey, 'another');
  const claims = [
    undefined,
    headOf(mesh),
    stranger.sign('head', headOf(mesh)),
    signer.sign('snapshot', headOf(mesh)),
    signer.sign('head', headOf('another')),
    signer.sign('head', headOf(mesh, { epoch: 1, sequence: 1 })),
  ];
  for (const head of claims) await proxy.beat(head === undefined ? {} : { head });
  const heard = new SpokenProxy(await natsClient(), mesh, 'last', {
    grant: grantOf(mesh, 'last'),
  });
  await heard.beat();
  await eventually('all were heard', async () => {
    const { body } = await api.get<{ items: { proxy: string }[] }>('/v1/proxies');
    return body.items.some((each) => each.proxy === 'last');
  });
  await api.write({ upserts: [service('b')] });

  await proxy.beat({ head: signer.sign('head', headOf(mesh)) });
  await eventually('the log is known to be another', async () => {
    return (await api.post('/v1/changesets', { upserts: [service('c')] })).status === 503;
  });
  const { detail } = await api.refused({ upserts: [service('c')] });
  expect(detail).toContain('proxy liar serves 1-9');
});

test('a new epoch of a signed mesh is signed, and another service follows into it', async () => {
  const mesh = uniqueMesh();
  const first = await startService(mesh, { signer, trust });
  const second = await startService(mesh, { signer, trust });
  await Promise.all([first.ready, second.ready]);
  await first.api.write({ upserts: [service('a')] });
  expect((await first.api.post('/v1/recover', { force: true })).status).toBe(200);
  for (const { api } of [first, second]) {
    await eventually('it is in the new epoch', async () => {
      return (await api.get<InfoResponse>('/v1/info')).body.revision === '2-2';
    });
  }
  expect((await second.api.write({ upserts: [service('b')] })).revision).toBe('2-3');
});
