// A certificate through the config plane of a mesh with a credential for each proxy: from `apply`
// to a handshake, and nowhere on the way in clear.
import { X509Certificate } from 'node:crypto';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type TLSSocket, connect } from 'node:tls';
import type { ResourceList } from '#contracts/api/config.ts';
import { meshSubjects } from '#contracts/subjects.ts';
import { Unsealer } from '#platform/sealing.ts';
import { Signer } from '#platform/signing.ts';
import { type Issued, issueCertificate } from '#platform/x509.ts';
import { freePort, tempDir } from '#test/parts.ts';
import { until } from '#test/processes.ts';
import { afterEach, beforeEach, expect, it, onTestFinished } from 'vitest';
import { SecuredMesh } from '../integration/config/secured.ts';
import { startService } from '../integration/config/support.ts';
import { gateway, route, service, slice } from '../integration/proxy/mesh.ts';
import { type ProxyProcess, startApp, startProxy } from '../integration/proxy/proxy-process.ts';

const MESH = 'prod';
const HOST = 'shop.example';
const [EDGE, OTHER] = ['127.0.0.1', '127.0.0.2'];
const ca = issueCertificate({ name: 'authority', isAuthority: true });
const leaf = (): Issued => issueCertificate({ name: HOST, hosts: [HOST], issuer: ca });

let secured: SecuredMesh;

beforeEach(async () => {
  secured = await SecuredMesh.start(MESH);
});
afterEach(() => secured.stop());

/** A connection that stays, on which one request after the other is made. */
class Kept {
  readonly #socket: TLSSocket;
  #answers = '';

  private constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => (this.#answers += chunk.toString()));
    socket.on('error', () => undefined);
    onTestFinished(() => void socket.destroy());
  }

  /** Rejects when there is no handshake. */
  static open(host: string, port: number): Promise<Kept> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port, servername: HOST, ca: [ca.cert] });
      socket.once('secureConnect', () => resolve(new Kept(socket)));
      socket.once('error', reject);
    });
  }

  get serial(): string {
    return this.#socket.getPeerCertificate().serialNumber;
  }

  async ask(): Promise<string> {
    this.#answers = '';
    this.#socket.write(`GET / HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`);
    await until('it is answered', () => this.#answers.includes('served'));
    return this.#answers.slice(0, this.#answers.indexOf('\r\n'));
  }
}

const serialOf = ({ cert }: Issued): string => new X509Certificate(cert).serialNumber;

async function servedSerial(port: number): Promise<string> {
  const kept = await Kept.open(EDGE, port);
  expect(await kept.ask()).toBe('HTTP/1.1 200 OK');
  return kept.serial;
}

function secret({ cert, key }: Issued): object {
  return {
    ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'web', namespace: 'shop' } },
    ...{ type: 'kubernetes.io/tls', stringData: { 'tls.crt': cert, 'tls.key': key } },
  };
}

/** Files below a folder that hold something of a private key, as text or as base64 of that. */
function filesWith(keys: readonly string[], folder: string): string[] {
  const pieces = keys.flatMap((key) => {
    const line = key.split('\n')[1] ?? '';
    return [line, Buffer.from(key).toString('base64').slice(48, 96)];
  });
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => {
      const text = readFileSync(file, 'latin1');
      return pieces.some((piece) => text.includes(piece));
    });
}

it('a certificate reaches the proxy that serves with it, changes, and rests sealed', async () => {
  const { paths, url } = secured;
  const config = await startService(MESH, {
    ...{ natsUrl: url, natsCreds: paths.creds.config, natsCa: paths.nats.ca },
    signer: Signer.read(paths.signingKey),
    sealing: [Unsealer.read(paths.sealingKey)],
  });
  await config.ready;
  const credentials = {
    edge: secured.credentialFile({ proxy: 'edge', gateways: ['shop/edge'] }),
    other: secured.credentialFile({ proxy: 'other', gateways: ['shop/another'] }),
  };
  const start = (credential: string, address: string, dataDir?: string): ProxyProcess =>
    startProxy(
      ['--credential', credential, '--nats', url, '--address', address],
      dataDir === undefined ? {} : { dataDir },
    );
  let edge = start(credentials.edge, EDGE);
  const other = start(credentials.other, OTHER);
  await Promise.all([edge.ready(), other.ready()]);

  const [first, second] = [leaf(), leaf()];
  const [port, app] = [
    await freePort(),
    await startApp('echo', (_request, response) => {
      response.end('served');
    }),
  ];
  const tls = { certificateRefs: [{ name: 'web' }] };
  const listeners = [{ name: 'https', port, protocol: 'HTTPS', tls }];
  await config.api.write({
    upserts: [
      { ...gateway([]), spec: { gatewayClassName: 'windrose', listeners } },
      ...[service('echo'), slice('echo', app.port), route('echo', 'echo'), secret(first)],
    ],
  });
  await until('it is served', () =>
    servedSerial(port).then(
      () => true,
      () => false,
    ),
  );
  expect(await servedSerial(port)).toBe(serialOf(first));
  await expect(Kept.open(OTHER, port)).rejects.toThrow(/ECONNREFUSED|handshake/);
  const { body } = await config.api.get<ResourceList>('/v1/resources/Secret/shop/web');
  expect(body.items).toMatchObject([{ sealed: { keys: ['tls.crt', 'tls.key'] } }]);

  const kept = await Kept.open(EDGE, port);
  expect(await kept.ask()).toBe('HTTP/1.1 200 OK');
  await config.api.write({ upserts: [secret(second)] });
  await until('the new one is served', async () => (await servedSerial(port)) === serialOf(second));
  expect(await kept.ask()).toBe('HTTP/1.1 200 OK');
  expect(kept.serial).toBe(serialOf(first));

  const manager = await (await secured.asService('config')).jetstreamManager();
  const subjects = meshSubjects(MESH);
  const lying = await manager.streams.info(subjects.streams.secrets, { subjects_filter: '>' });
  const proxies = Object.keys(lying.state.subjects ?? {}).map((subject) => subject.split('.')[3]);
  expect(new Set(proxies)).toEqual(new Set(['edge']));
  const keys = [first.key, second.key];
  const folders = [dirname(paths.dir), edge.dataDir, other.dataDir];
  expect(folders.flatMap((folder) => filesWith(keys, folder))).toEqual([]);
  const seen = tempDir();
  writeFileSync(join(seen, 'found'), second.key);
  expect(filesWith(keys, seen)).toHaveLength(1);
  const told = [
    ...[edge, other].map((proxy) => `${proxy.stderr()}${JSON.stringify(proxy.log())}`),
    ...(await Promise.all(
      [edge, other].map(async (proxy) => (await proxy.admin('/snapshot')).body),
    )),
    ...(await Promise.all(
      ['/v1/resources', '/v1/changesets', '/v1/changesets/1-1', '/v1/backup'].map(async (path) =>
        JSON.stringify((await config.api.get(path)).body),
      ),
    )),
  ].join('\n');
  expect(told).toContain('shop/web');
  for (const key of keys) expect(told).not.toContain(key.split('\n')[1]);

  await secured.nats.kill('SIGKILL');
  expect(await edge.stop()).toBe(0);
  edge = start(credentials.edge, EDGE, edge.dataDir);
  await edge.ready();
  expect(await servedSerial(port)).toBe(serialOf(second));
});
