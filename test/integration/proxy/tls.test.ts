import { readFileSync, writeFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { type TLSSocket, connect } from 'node:tls';
import { stringify } from 'yaml';
import { issueCertificate } from '#platform/x509.ts';
import { freePort, tempDir } from '#test/parts.ts';
import { until } from '#test/processes.ts';
import { expect, test } from 'vitest';
import { gateway, route, service, slice } from './mesh.ts';
import { startApp, startProxy } from './proxy-process.ts';

const HOST = 'shop.example';
const ca = issueCertificate({ name: 'authority', isAuthority: true });
const leaf = () => issueCertificate({ name: HOST, hosts: [HOST], issuer: ca });

interface Files {
  resources: string;
  flag: string;
  write(pair: { cert: string; key: string }): void;
}

async function writeFiles(port: number): Promise<Files> {
  const folder = tempDir();
  const app = await startApp('echo', (_request, response) => response.end('ok'));
  const tls = { certificateRefs: [{ name: 'web' }] };
  const listeners = [{ name: 'https', port, protocol: 'HTTPS', tls }];
  const state = [
    { ...gateway([]), spec: { gatewayClassName: 'windrose', listeners } },
    ...[service('echo'), slice('echo', app.port), route('echo', 'echo')],
  ];
  const resources = path.join(folder, 'shop.yaml');
  writeFileSync(resources, state.map((each) => stringify(each)).join('---\n'));
  const [cert, key] = [path.join(folder, 'web.pem'), path.join(folder, 'web.key')];
  return {
    resources,
    flag: `name=shop/web,cert=${cert},key=${key}`,
    write: (pair) => {
      writeFileSync(key, pair.key);
      writeFileSync(cert, pair.cert);
    },
  };
}

/** One request on a connection of its own: what came, and whether the session was resumed. */
function ask(
  port: number,
  session?: Buffer,
): Promise<{ answer: string; reused: boolean; serial: string; ticket: Buffer | undefined }> {
  return new Promise((resolve, reject) => {
    const options = session === undefined ? {} : { session };
    const socket: TLSSocket = connect(
      { host: '127.0.0.1', port, servername: HOST, ca: [ca.cert], ...options },
      () => socket.write(`GET / HTTP/1.1\r\nhost: ${HOST}\r\nconnection: close\r\n\r\n`),
    );
    let answer = '';
    let ticket: Buffer | undefined;
    socket.on('session', (given: Buffer) => (ticket = given));
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    socket.once('error', reject);
    socket.once('end', () => {
      const serial = socket.getPeerX509Certificate()?.serialNumber ?? '';
      resolve({ answer, reused: socket.isSessionReused(), serial, ticket });
      socket.destroy();
    });
  });
}

test('every worker resumes the sessions of the others, and serves new certificates', async () => {
  const port = await freePort();
  const files = await writeFiles(port);
  files.write(leaf());
  const args = ['--resources', files.resources, '--workers', '2', '--access-log', '-'];
  const proxy = startProxy([...args, '--certificates', files.flag]);
  await proxy.ready();
  const { answer, ticket, serial } = await ask(port);
  expect(answer).toContain('200 OK');
  const again = await Promise.all(Array.from({ length: 30 }, () => ask(port, ticket)));
  expect(again.map(({ reused }) => reused)).toEqual(again.map(() => true));
  const workers = (): Set<unknown> =>
    new Set(
      proxy
        .stdout()
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => (JSON.parse(line) as { worker: unknown }).worker),
    );
  await until('records of both workers', () => workers().size === 2);
  const { body } = await proxy.admin('/metrics');
  expect(body).toMatch(
    /windrose_proxy_certificate_not_after_seconds\{certificate="shop\/web"\} \d/,
  );
  expect(body).toContain('windrose_proxy_tls_handshakes_failed{worker="0"} 0');
  files.write(leaf());
  await until('new certificates only', async () => {
    const seen = await Promise.all(Array.from({ length: 10 }, () => ask(port)));
    return seen.every((each) => each.serial !== serial);
  });
  const broken = (): number => proxy.stderr().split('the certificate cannot be read').length - 1;
  files.write({ ...leaf(), cert: 'torn' });
  await until('the broken certificate is told', () => broken() > 0);
  files.write(leaf());
  const { serial: kept } = await ask(port);
  await until('all are served anew', async () => {
    const seen = await Promise.all(Array.from({ length: 10 }, () => ask(port)));
    return seen.every((each) => each.serial !== kept);
  });
  expect(broken()).toBe(1);
  expect(await proxy.stop()).toBe(0);
});

test('SIGTERM: a stream of HTTP/2 over TLS ends in order, then the process does', async () => {
  const port = await freePort();
  const files = await writeFiles(port);
  files.write(leaf());
  const proxy = startProxy(['--resources', files.resources, '--certificates', files.flag]);
  await proxy.ready();
  const session = connectHttp2(`https://${HOST}:${port}`, {
    ...{ ca: [ca.cert], host: '127.0.0.1', servername: HOST },
  });
  const first = session.request({ ':path': '/' });
  expect(await text(first)).toBe('ok');
  const gone = new Promise((resolve) => session.once('goaway', resolve));
  const exited = proxy.stop();
  expect(await gone).toBe(0);
  session.close();
  expect(await exited).toBe(0);
});

test('a Secret among the resources is served by every worker, and told by none', async () => {
  const port = await freePort();
  const files = await writeFiles(port);
  const plain = readFileSync(files.resources, 'utf8');
  const write = ({ cert, key }: { cert: string; key: string }): void => {
    const web = {
      ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'web', namespace: 'shop' } },
      ...{ type: 'kubernetes.io/tls', stringData: { 'tls.crt': cert, 'tls.key': key } },
    };
    writeFileSync(files.resources, `${plain}---\n${stringify(web)}`);
  };
  write(leaf());
  const proxy = startProxy(['--resources', files.resources, '--workers', '2']);
  await proxy.ready();
  const { serial, answer } = await ask(port);
  expect(answer).toMatch(/^HTTP\/1\.1 200 /);
  const { body: shown } = await proxy.admin('/snapshot');
  expect(shown).toContain('hmac-sha256:');
  expect(shown + proxy.stderr()).not.toContain('PRIVATE KEY');
  write(leaf());
  await until('the new certificate is served', async () => (await ask(port)).serial !== serial);
  expect(await proxy.stop()).toBe(0);
});

test('a certificate that is not there is said at the start, by name', async () => {
  const port = await freePort();
  const files = await writeFiles(port);
  const proxy = startProxy(['--resources', files.resources]);
  expect(await proxy.exited).toBe(1);
  expect(proxy.stderr()).toContain(
    'there is no Secret shop/web, and the bootstrap of this proxy names no such certificate',
  );
});
