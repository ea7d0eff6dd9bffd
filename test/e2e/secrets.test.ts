// A certificate through the config plane of a mesh with a credential for each proxy: from `apply`
// to a handshake, and nowhere on the way in clear.
import { X509Certificate } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type TLSSocket, connect } from 'node:tls';
import type { ResourceList } from '#contracts/api/config.ts';
import { meshSubjects } from '#contracts/subjects.ts';
import { Unsealer } from '#platform/sealing.ts';
import type { ServiceLog } from '#platform/service-log.ts';
import { Signer } from '#platform/signing.ts';
import { type Issued, issueCertificate } from '#platform/x509.ts';
import { freePort } from '#test/parts.ts';
import { until } from '#test/processes.ts';
import { runCli } from '#test/shop.ts';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, it, onTestFinished, test } from 'vitest';
import { SecuredMesh } from '../integration/config/secured.ts';
import { startService } from '../integration/config/support.ts';
import { gateway, route, service, slice } from '../integration/proxy/mesh.ts';
import {
  type ProxyProcess,
  fetchOnce,
  startApp,
  startProxy,
} from '../integration/proxy/proxy-process.ts';

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

/**
 * What would give a key away: the middle of its text, which is of this key alone, as it is and in
 * base64 of whatever it stands in, which has three forms.
 */
function tracesOf({ key }: Issued): string[] {
  const line = key.split('\n')[2] ?? '';
  const forms = [0, 1, 2].map((before) => {
    // The first and last characters are of what stands around it as well.
    return Buffer.from(`${' '.repeat(before)}${line}`)
      .toString('base64')
      .slice(4, -4);
  });
  return [line, ...forms];
}

const TRACES_MIN_LENGTH = 24;

function givesAway(text: string, issued: readonly Issued[]): boolean {
  return issued.flatMap(tracesOf).some((trace) => text.includes(trace));
}

/** Files below a folder that give one of the keys away. */
function filesWith(issued: readonly Issued[], folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => givesAway(readFileSync(file, 'latin1'), issued));
}

/** A log of all levels, in this process. */
function listeningLog(): { log: ServiceLog; lines: string[] } {
  const lines: string[] = [];
  return { log: pino({ level: 'trace' }, { write: (line) => void lines.push(line) }), lines };
}

async function startConfig(log?: ServiceLog) {
  const { paths, url } = secured;
  const config = await startService(MESH, {
    ...{ natsUrl: url, natsCreds: paths.creds.config, natsCa: paths.nats.ca },
    signer: Signer.read(paths.signingKey),
    sealing: [Unsealer.read(paths.sealingKey)],
    ...(log === undefined ? {} : { log }),
  });
  await config.ready;
  return config;
}

function startEdge(credential: string, address: string, dataDir?: string): ProxyProcess {
  const flags = ['--credential', credential, '--nats', secured.url, '--address', address];
  return startProxy(flags, dataDir === undefined ? {} : { dataDir });
}

/** A Gateway that serves with the Secret `web` of a namespace. */
function edgeWith(port: number, namespace = 'shop'): object {
  const tls = { certificateRefs: [{ name: 'web', namespace }] };
  const listeners = [{ name: 'https', port, protocol: 'HTTPS', tls }];
  return { ...gateway([]), spec: { gatewayClassName: 'windrose', listeners } };
}

const serves = (port: number): Promise<boolean> =>
  servedSerial(port).then(
    () => true,
    () => false,
  );

/** Proxies that something lies sealed for. */
async function addressees(): Promise<string[]> {
  const manager = await (await secured.asService('config')).jetstreamManager();
  const { secrets } = meshSubjects(MESH).streams;
  const lying = await manager.streams.info(secrets, { subjects_filter: '>' });
  const proxies = Object.keys(lying.state.subjects ?? {}).map((subject) => subject.split('.')[3]);
  return [...new Set(proxies)].map(String);
}

test('a key is found by what is looked for, wherever it begins', () => {
  const issued = leaf();
  for (const trace of tracesOf(issued)) {
    expect(trace.length).toBeGreaterThanOrEqual(TRACES_MIN_LENGTH);
  }
  for (const before of ['', 'a', 'ab', 'abc']) {
    const inside = Buffer.from(`${before}${issued.key}`);
    expect(givesAway(inside.toString(), [issued])).toBe(true);
    expect(givesAway(`...${inside.toString('base64')}`, [issued])).toBe(true);
    expect(givesAway(inside.toString('base64'), [leaf()])).toBe(false);
  }
});

it('a certificate reaches the proxy that serves with it, changes, and rests sealed', async () => {
  const { log, lines } = listeningLog();
  const config = await startConfig(log);
  const credentials = {
    edge: secured.credentialFile({ proxy: 'edge', gateways: ['shop/edge'] }),
    other: secured.credentialFile({ proxy: 'other', gateways: ['shop/another'] }),
  };
  let edge = startEdge(credentials.edge, EDGE);
  const other = startEdge(credentials.other, OTHER);
  await Promise.all([edge.ready(), other.ready()]);

  const issued = [leaf(), leaf()] as const;
  const [first, second] = issued;
  const app = await startApp('echo', (_request, response) => void response.end('served'));
  const port = await freePort();
  await config.api.write({
    upserts: [
      ...[edgeWith(port), secret(first)],
      ...[service('echo'), slice('echo', app.port), route('echo', 'echo')],
    ],
  });
  await until('it is served', () => serves(port));
  expect(await servedSerial(port)).toBe(serialOf(first));
  await expect(Kept.open(OTHER, port)).rejects.toThrow(/ECONNREFUSED|handshake/);
  const { body } = await config.api.get<ResourceList>('/v1/resources/Secret/shop/web');
  expect(body.items).toMatchObject([{ sealed: { keys: ['tls.crt', 'tls.key'] } }]);

  // It changes while requests flow, on a connection that stays and on new ones.
  const kept = await Kept.open(EDGE, port);
  const answers: string[] = [];
  let isFlowing = true;
  const flow = (async () => {
    while (isFlowing) answers.push(await kept.ask());
  })();
  await until('requests flow', () => answers.length > 0);
  await config.api.write({ upserts: [secret(second)] });
  await until('the new one is served', async () => (await servedSerial(port)) === serialOf(second));
  const before = answers.length;
  await until('they flow on', () => answers.length > before);
  isFlowing = false;
  await flow;
  expect(new Set(answers)).toEqual(new Set(['HTTP/1.1 200 OK']));
  expect(kept.serial).toBe(serialOf(first));

  expect(await addressees()).toEqual(['edge']);
  const folders = [dirname(secured.paths.dir), edge.dataDir, other.dataDir];
  expect(folders.flatMap((folder) => filesWith(issued, folder))).toEqual([]);
  const paths = ['resources', 'changesets', 'changesets/1-1', 'changesets/1-2', 'backup'];
  paths.push('diff?from=1-1&to=1-2', 'revisions/1-2/receipts', 'proxies');
  const told = [
    ...lines,
    ...[edge, other].map((proxy) => `${proxy.stderr()}${JSON.stringify(proxy.log())}`),
    ...(await Promise.all(
      [edge, other].map(async (proxy) => (await proxy.admin('/snapshot')).body),
    )),
    ...(await Promise.all(
      paths.map(async (path) => {
        const answer = await config.api.get(`/v1/${path}`);
        expect(answer.status, path).toBe(200);
        return JSON.stringify(answer.body);
      }),
    )),
    (await runCli(['get', 'secret', '-o', 'yaml'], { WINDROSE_SERVER: config.url })).stdout,
  ];
  expect(told.at(-1)).toContain('tls.key');
  expect(lines.length).toBeGreaterThan(0);
  expect(told.filter((text) => givesAway(text, issued))).toEqual([]);

  await secured.nats.kill('SIGKILL');
  expect(await edge.stop()).toBe(0);
  edge = startEdge(credentials.edge, EDGE, edge.dataDir);
  await edge.ready();
  expect(await servedSerial(port)).toBe(serialOf(second));
});

it('a grant that is withdrawn takes the certificate from the proxy, and nothing else', async () => {
  const config = await startConfig();
  const gateways = ['shop/edge', 'shop/side'];
  const credential = secured.credentialFile({ proxy: 'edge', gateways });
  let edge = startEdge(credential, EDGE);
  await edge.ready();
  const issued = leaf();
  const [port, side] = [await freePort(), await freePort()];
  const app = await startApp('echo', (_request, response) => void response.end('served'));
  const grant = {
    ...{ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'ReferenceGrant' },
    metadata: { name: 'edges', namespace: 'certificates' },
    spec: {
      from: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', namespace: 'shop' }],
      to: [{ group: '', kind: 'Secret' }],
    },
  };
  const web = { ...secret(issued), metadata: { name: 'web', namespace: 'certificates' } };
  await config.api.write({
    upserts: [
      ...[edgeWith(port, 'certificates'), web, grant, gateway([side], 'side')],
      ...[service('echo'), slice('echo', app.port)],
      ...[route('echo', 'echo'), route('beside', 'echo', '/', 'side')],
    ],
  });
  await until('it is served', () => serves(port));
  expect(await addressees()).toEqual(['edge']);
  const { metadata } = grant;
  await config.api.write({ deletes: [{ kind: 'ReferenceGrant', ...metadata }] });
  await until('no handshake is made', async () => !(await serves(port)));
  await until('nothing lies for it', async () => (await addressees()).length === 0);
  const beside = async (): Promise<number> => (await fetchOnce({ host: EDGE, port: side })).status;
  expect(await beside()).toBe(200);

  // What was taken back does not come back from the disk.
  await secured.nats.kill('SIGKILL');
  await edge.stop();
  edge = startEdge(credential, EDGE, edge.dataDir);
  await edge.ready();
  expect(await beside()).toBe(200);
  expect(await serves(port)).toBe(false);
});
