import type { ChangeSetResponse, ResourceList } from '#contracts/api/config.ts';
import type { ProxyGrant } from '#contracts/signing.ts';
import { meshSubjects } from '#contracts/subjects.ts';
import { issueCertificate } from '#platform/x509.ts';
import { createLog } from '#platform/log.ts';
import { MESSAGE_NOT_FOUND, apiErrorOf } from '#platform/nats.ts';
import { Unsealer, newSealingKeys } from '#platform/sealing.ts';
import { Signer, Trust, newSigningKeys } from '#platform/signing.ts';
import { Secrets } from '#proxy/snapshot/secrets.ts';
import type { SecretValues } from '#proxy/tls/secrets.ts';
import { tempDir, uniqueMesh } from '#test/parts.ts';
import { type NatsConnection } from 'nats';
import { expect, test } from 'vitest';
import { SpokenProxy, eventually, natsClient, ref, startService } from './support.ts';

const signing = newSigningKeys();
const signer = new Signer(signing.privateKey, 'a key');
const trust = new Trust([{ pem: signing.publicKey, from: 'trust' }]);
const meshKeys = newSealingKeys();
const keys = { signer, trust, sealing: [new Unsealer(meshKeys.privateKey, 'a key')] as const };
const first = issueCertificate({ name: 'shop.example', hosts: ['shop.example'] });
const second = issueCertificate({ name: 'shop.example', hosts: ['shop.example'] });

function secret({ cert, key }: { cert: string; key: string }, more: object = {}): object {
  return {
    ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'web', namespace: 'shop' } },
    type: 'kubernetes.io/tls',
    stringData: { 'tls.crt': cert, 'tls.key': key, ...more },
  };
}

const gateway = {
  ...{ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway' },
  metadata: { name: 'edge', namespace: 'shop' },
  spec: {
    gatewayClassName: 'windrose',
    listeners: [
      {
        ...{ name: 'https', port: 443, protocol: 'HTTPS' },
        tls: { certificateRefs: [{ name: 'web' }] },
      },
    ],
  },
};

/** A proxy that is heard, with a key of its own, and what it can open of what lies for it. */
class Proxy {
  readonly spoken: SpokenProxy;
  readonly #connection: NatsConnection;
  readonly #mesh: string;
  readonly #name: string;
  readonly #unsealer: Unsealer;

  constructor(connection: NatsConnection, mesh: string, name: string, more: Partial<ProxyGrant>) {
    const { privateKey, sealTo } = newSealingKeys();
    this.#unsealer = new Unsealer(privateKey, 'a key');
    const grant: ProxyGrant = { mesh, proxy: name, cidrs: [], sealTo, ...more };
    const signed = more.signature === undefined ? signer.sign('grant', grant) : grant;
    this.spoken = new SpokenProxy(connection, mesh, name, { role: 'gateway', grant: signed });
    this.#connection = connection;
    this.#mesh = mesh;
    this.#name = name;
  }

  async has(digest: string): Promise<SecretValues | undefined> {
    const manager = await this.#connection.jetstreamManager({ checkAPI: false });
    const { streams, secret: subjectOf } = meshSubjects(this.#mesh);
    const last_by_subj = subjectOf(this.#name, digest.replace(/^.*:/, ''));
    const found: SecretValues[] = [];
    try {
      const { data } = await manager.streams.getMessage(streams.secrets, { last_by_subj });
      new Secrets({
        ...{ mesh: this.#mesh, proxy: this.#name, trust, unsealer: this.#unsealer },
        ...{ dir: tempDir(), log: createLog({ service: 'test', level: 'silent' }) },
        given: (values) => void found.push(...values),
      }).take(data);
    } catch (error) {
      if (apiErrorOf(error) !== MESSAGE_NOT_FOUND) throw error;
    }
    return found[0];
  }
}

function digestIn(written: ChangeSetResponse): string {
  const change = written.changes.find(({ key }) => key === 'Secret/shop/web');
  const after = change?.after;
  return (after?.kind === 'Secret' ? after.sealed?.digest : undefined) ?? '';
}

async function start() {
  const mesh = uniqueMesh();
  const service = await startService(mesh, keys);
  const connection = await natsClient();
  const proxy = (name: string, more: Partial<ProxyGrant> = {}): Proxy =>
    new Proxy(connection, mesh, name, more);
  return { mesh, api: service.api, connection, proxy };
}

test('values go sealed to the proxies that serve with them, and nowhere else', async () => {
  const { mesh, api, connection, proxy } = await start();
  const ca = { 'ca.crt': first.cert };
  const edge = proxy('edge');
  const other = proxy('other', { gateways: ['shop/another'] });
  const sidecar = proxy('orders-1', { service: 'shop/orders' });
  for (const { spoken } of [edge, other, sidecar]) await spoken.beat();
  const written = await api.write({ upserts: [gateway, secret(first, ca)] });
  const digest = digestIn(written);
  expect(digest).toMatch(/^hmac-sha256:[0-9a-f]{64}$/);
  await eventually('it has come', async () => (await edge.has(digest)) !== undefined);
  expect(await edge.has(digest)).toEqual({
    ...{ secret: 'shop/web', digest },
    ...{ cert: first.cert, key: first.key, ca: first.cert },
  });
  expect(await other.has(digest)).toBeUndefined();
  expect(await sidecar.has(digest)).toBeUndefined();
  // One that comes later gets them, too.
  const late = proxy('late', { gateways: ['shop/edge'] });
  await late.spoken.beat();
  await eventually('it has come late', async () => (await late.has(digest)) !== undefined);

  const manager = await connection.jetstreamManager();
  const event = await manager.streams.getMessage(meshSubjects(mesh).streams.config, { seq: 1 });
  const answers = [
    JSON.stringify(written),
    Buffer.from(event.data).toString(),
    JSON.stringify((await api.get('/v1/resources/Secret/shop/web')).body),
    JSON.stringify((await api.get(`/v1/changesets/${written.revision}`)).body),
  ];
  for (const text of answers) {
    expect(text).toContain(digest);
    expect(text).not.toContain('PRIVATE KEY');
    expect(text).not.toContain(Buffer.from(first.key).toString('base64'));
  }
});

test('equal values make no revision; others are brought, taken back, brought again', async () => {
  const { api, proxy } = await start();
  const edge = proxy('edge');
  await edge.spoken.beat();
  const one = digestIn(await api.write({ upserts: [gateway, secret(first)] }));
  expect((await api.write({ upserts: [secret(first)] })).created).toBe(false);
  const next = await api.write({ upserts: [secret(second)] });
  const two = digestIn(next);
  expect(two).not.toBe(one);
  await eventually('the second has come', async () => (await edge.has(two)) !== undefined);
  await eventually('the first is taken back', async () => (await edge.has(one)) === undefined);
  // What was read can be applied again, and a rollback asks for values that nobody writes again.
  const { body } = await api.get<ResourceList>('/v1/resources/Secret');
  expect((await api.write({ upserts: body.items })).created).toBe(false);
  await api.write({ undo: next.revision });
  await eventually('the first is back', async () => (await edge.has(one))?.cert === first.cert);
  await api.write({ deletes: [ref('Gateway', 'edge'), ref('Secret', 'web')] });
  await eventually('nothing is left', async () => (await edge.has(one)) === undefined);
});

test('who only has to trust gets the authorities alone', async () => {
  const { api, proxy } = await start();
  const sidecar = proxy('orders-1', { service: 'shop/orders' });
  await sidecar.spoken.beat();
  const policy = {
    ...{ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'BackendTLSPolicy' },
    metadata: { name: 'payments', namespace: 'shop' },
    spec: {
      targetRefs: [{ group: '', kind: 'Service', name: 'payments' }],
      validation: {
        hostname: 'payments.internal',
        caCertificateRefs: [{ group: '', kind: 'Secret', name: 'web' }],
      },
    },
  };
  const payments = {
    ...{ apiVersion: 'v1', kind: 'Service', metadata: { name: 'payments', namespace: 'shop' } },
    spec: { ports: [{ port: 443 }] },
  };
  const digest = digestIn(
    await api.write({ upserts: [payments, policy, secret(first, { 'ca.crt': second.cert })] }),
  );
  await eventually('it has come', async () => (await sidecar.has(digest)) !== undefined);
  expect(await sidecar.has(digest)).toEqual({
    ...{ secret: 'shop/web', digest, ca: second.cert },
    ...{ cert: undefined, key: undefined },
  });
});

test('a grant that the mesh has not signed, or of another proxy, brings nothing', async () => {
  const { mesh, api, proxy, connection } = await start();
  const signature = { key: signer.id, value: 'AAAA' };
  const forged = proxy('forged', { signature });
  const borrowed = signer.sign<ProxyGrant>('grant', { mesh, proxy: 'edge', cidrs: [] });
  const thief = proxy('thief', borrowed);
  const over = proxy('over', { notAfter: '2020-01-01T00:00:00Z' });
  const edge = proxy('edge');
  for (const { spoken } of [forged, thief, over, edge]) await spoken.beat();
  const digest = digestIn(await api.write({ upserts: [gateway, secret(first)] }));
  await eventually('the right one has it', async () => (await edge.has(digest)) !== undefined);
  const manager = await connection.jetstreamManager();
  const { state } = await manager.streams.info(meshSubjects(mesh).streams.secrets);
  expect(state.messages).toBe(1);
});

test('a certificate that could not be served is refused with every problem', async () => {
  const { api } = await start();
  const problem = await api.refused({
    upserts: [
      gateway,
      secret({ cert: first.cert, key: second.key }, { 'ca.crt': 'no PEM' }),
      { ...secret(first), metadata: { name: 'empty', namespace: 'shop' }, stringData: {} },
    ],
  });
  expect(problem.status).toBe(422);
  expect(problem.problems?.map(({ resource, path }) => `${resource} ${path}`)).toEqual([
    'Secret/shop/web data.tls.crt',
    'Secret/shop/web data.ca.crt',
    'Secret/shop/empty data.tls.crt',
    'Secret/shop/empty data.tls.key',
  ]);
  const unknown = { digest: `hmac-sha256:${'0'.repeat(64)}`, keys: ['tls.crt'] };
  const { stringData: _values, ...sealed } = secret(first) as { stringData: object };
  const refused = await api.refused({ upserts: [{ ...sealed, sealed: unknown }] });
  expect(refused.detail).toContain('no values with this digest are known');
});

test('the digest of a Secret is worth nothing in another one', async () => {
  const { api } = await start();
  const written = await api.write({ upserts: [secret(first)] });
  const { stringData: _values, ...rest } = secret(second) as { stringData: object };
  const sealed = { digest: digestIn(written), keys: ['tls.crt', 'tls.key'] };
  const thief = { ...rest, sealed, metadata: { name: 'web', namespace: 'other' } };
  expect((await api.refused({ upserts: [thief] })).problems?.[0]).toMatchObject({
    ...{ resource: 'Secret/other/web', path: 'sealed.digest', reason: 'missing_reference' },
  });
  const own = await api.write({ upserts: [{ ...rest, sealed }] });
  expect(own.created).toBe(false);
});

test('a service without keys takes no values, and says what it needs', async () => {
  const service = await startService(uniqueMesh());
  const problem = await service.api.refused({ upserts: [secret(first)] });
  expect(problem.problems?.[0]).toMatchObject({
    ...{ resource: 'Secret/shop/web', path: 'data', reason: 'invalid_value' },
    hint: expect.stringContaining('--sealing-key') as string,
  });
});

test('a backup takes the values along as they rest, and gives them back', async () => {
  const mesh = uniqueMesh();
  const connection = await natsClient();
  const config = await startService(mesh, keys);
  await config.ready;
  const digest = digestIn(await config.api.write({ upserts: [gateway, secret(first)] }));
  const { body: text } = await config.api.get<string>('/v1/backup');
  const lines = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines.at(-1)).toMatchObject({ messages: 1, secrets: 1 });
  const kept = lines.filter((line) => 'secret' in line);
  const clear = Buffer.from(String(kept[0]?.['base64']), 'base64').toString();
  expect(`${text}${clear}`).not.toContain('PRIVATE KEY');
  await config.stop();

  const manager = await connection.jetstreamManager();
  for (const name of Object.values(meshSubjects(mesh).streams)) await manager.streams.delete(name);
  const again = await startService(mesh, keys);
  await again.ready;
  const messages = lines.filter((line) => 'sequence' in line && !('sha256' in line));
  const restored = { messages, secrets: kept, isLast: true };
  expect((await again.api.post('/v1/restore', restored)).status).toBe(200);
  const edge = new Proxy(connection, mesh, 'edge', {});
  await eventually('its values are there', async () => {
    await edge.spoken.beat();
    return (await edge.has(digest)) !== undefined;
  });
});
