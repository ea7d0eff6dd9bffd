import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { FakeClock, systemClock } from '#platform/clock.ts';
import { createLog } from '#platform/log.ts';
import type { CertificateRead } from '#proxy/tls/broken.ts';
import { Certificates } from '#proxy/tls/certificates.ts';
import { TICKET_KEY_AGE_MS, TICKET_KEY_BYTES, TicketKeys } from '#proxy/tls/ticket-keys.ts';
import { until } from '#test/processes.ts';
import { expect, onTestFinished, test } from 'vitest';
import { startUpstream } from '../forward/harness.ts';
import { route, rule, service, slice } from '../support/world.ts';
import {
  CertificateFolder,
  type Edge,
  ask,
  certificates,
  httpsGateway,
  leaf,
  otherCa,
  secure,
  startEdge,
} from './edge.ts';

const HOST = 'shop.example';

async function startShop(files: CertificateFolder, ticketKey?: Buffer, spec?: object) {
  const upstream = await startUpstream((_request, response) => response.end('ok'));
  return startEdge({
    files: files.files,
    ...(ticketKey === undefined ? {} : { ticketKey }),
    resources: (port) => [
      httpsGateway(port, [{ tls: certificates('web') }], spec),
      service('app'),
      slice('app', ['127.0.0.1'], { ports: [{ port: upstream.endpoint.port }] }),
      route('all', { rules: [rule('/', 'app')] }),
    ],
  });
}

function serialOf(socket: TLSSocket): string | undefined {
  return socket.getPeerX509Certificate()?.serialNumber;
}

async function servedSerial(edge: Edge): Promise<string | undefined> {
  const socket = await secure(edge.port, { servername: HOST });
  const serial = serialOf(socket);
  socket.destroy();
  return serial;
}

test('a new certificate serves new handshakes and no connection is dropped', async () => {
  const files = new CertificateFolder().add('web', leaf([HOST]));
  const edge = await startShop(files);
  const kept = await secure(edge.port, { servername: HOST });
  const before = serialOf(kept);
  let answers = 0;
  kept.on('data', (chunk: Buffer) => (answers += chunk.toString().split('200 OK').length - 1));
  const failures: unknown[] = [];
  let asked = 0;
  let isOver = false;
  const traffic = (async () => {
    while (!isOver) {
      try {
        const socket = await secure(edge.port, { servername: HOST });
        asked++;
        if (!(await ask(socket, HOST)).includes('200 OK')) failures.push('no answer');
      } catch (error) {
        failures.push(error);
      }
    }
  })();
  for (let round = 0; round < 3; round++) {
    const next = leaf([HOST]);
    files.write('web', next);
    const old = await servedSerial(edge);
    await until('the new certificate', async () => (await servedSerial(edge)) !== old);
    kept.write(`GET / HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`);
    await until('an answer on the old connection', () => answers === round + 1);
  }
  isOver = true;
  await traffic;
  expect(failures).toEqual([]);
  expect(asked).toBeGreaterThan(3);
  expect(serialOf(kept)).toBe(before);
});

test('a pair that does not fit leaves the old one, and is told once by name', async () => {
  const files = new CertificateFolder().add('web', leaf([HOST]));
  const edge = await startShop(files);
  const before = await servedSerial(edge);
  const next = leaf([HOST]);
  writeFileSync(join(files.folder, 'web.cert.pem'), next.cert);
  await until('the problem', () => edge.told.length > 0);
  expect(edge.told.at(-1)).toEqual([
    {
      resource: 'Gateway/shop/edge',
      path: 'spec.listeners[name=http].tls.certificateRefs',
      reason: 'cannot_apply',
      message:
        'shop/web: the key is not that of the certificate; the one before it is still served',
    },
  ]);
  expect(await servedSerial(edge)).toBe(before);
  writeFileSync(join(files.folder, 'web.key.pem'), next.key);
  await until('the problem is gone', () => edge.told.at(-1)?.length === 0);
  expect(await servedSerial(edge)).not.toBe(before);
});

test.each([
  ['no PEM', 'nonsense', /^the certificate cannot be read: /],
  ['no file', undefined, /^there is no file .*web\.cert\.pem$/],
])('%s at the start is a problem in words', async (_name, content, expected) => {
  const files = new CertificateFolder().add('web', leaf([HOST]));
  const [first] = files.files;
  if (content !== undefined) writeFileSync(first?.cert ?? '', content);
  const named = files.files.map((each) => ({
    ...each,
    cert: content === undefined ? join(files.folder, 'none', 'web.cert.pem') : each.cert,
  }));
  const log = createLog({ service: 'test', level: 'silent' });
  const reads: CertificateRead[] = [];
  const onRead = (read: CertificateRead): unknown => reads.push(read);
  const store = new Certificates({ files: named, clock: systemClock, log, onRead });
  onTestFinished(() => store.stop());
  expect(store.server('shop/web')).toBeUndefined();
  expect(store.problemOf('shop/web', 'server')?.replace(/^shop\/web: /, '')).toMatch(expected);
  const problem = expect.stringMatching(expected) as string;
  expect(reads).toEqual([{ name: 'shop/web', problem, isKept: false }]);
});

async function resumed(port: number, session: Buffer, more: object = {}): Promise<boolean> {
  const socket = await secure(port, { servername: HOST, session, ...more });
  return socket.isSessionReused();
}

/** A ticket: in TLS 1.3 it comes behind the handshake. */
async function ticketOf(port: number, more: object = {}): Promise<Buffer> {
  const socket = await secure(port, { servername: HOST, ...more });
  return new Promise((resolve) => socket.once('session', resolve));
}

test.each(['TLSv1.2', 'TLSv1.3'] as const)(
  'a session of %s is resumed, also at another worker and after a change of files',
  async (version) => {
    const files = new CertificateFolder().add('web', leaf([HOST], { keyType: 'rsa' }));
    const key = Buffer.alloc(TICKET_KEY_BYTES, 1);
    const [one, other] = [await startShop(files, key), await startShop(files, key)];
    const versions = { minVersion: version, maxVersion: version };
    const session =
      version === 'TLSv1.2'
        ? await secure(one.port, { servername: HOST, ...versions }).then((socket) =>
            socket.getSession(),
          )
        : await ticketOf(one.port, versions);
    const ticket = session ?? Buffer.alloc(0);
    expect(await resumed(one.port, ticket, versions)).toBe(true);
    expect(await resumed(other.port, ticket, versions)).toBe(true);
    const old = await servedSerial(one);
    files.write('web', leaf([HOST], { keyType: 'rsa' }));
    await until('the new certificate', async () => (await servedSerial(one)) !== old);
    expect(await resumed(one.port, ticket, versions)).toBe(true);
    one.engine.setTicketKey(Buffer.alloc(TICKET_KEY_BYTES, 2));
    expect(await resumed(one.port, ticket, versions)).toBe(false);
    expect(await resumed(other.port, ticket, versions)).toBe(true);
  },
);

test('a ticket of a listener that asks for no certificate opens none that does', async () => {
  const key = Buffer.alloc(TICKET_KEY_BYTES, 1);
  const files = new CertificateFolder()
    .add('web', leaf([HOST]))
    .add('clients', undefined, [otherCa]);
  const validation = { caCertificateRefs: [{ kind: 'ConfigMap', name: 'clients' }] };
  const open = await startShop(files, key);
  const closed = await startShop(files, key, { tls: { frontend: { default: { validation } } } });
  const ticket = await ticketOf(open.port);
  expect(await resumed(open.port, ticket)).toBe(true);
  const socket = await secure(closed.port, { servername: HOST, session: ticket });
  expect(await ask(socket, HOST)).toBe('');
});

test('the ticket key is another one twice a day', () => {
  const clock = new FakeClock();
  const seen: Buffer[] = [];
  const keys = new TicketKeys(clock, (key) => seen.push(key));
  const first = keys.key;
  expect(first).toHaveLength(TICKET_KEY_BYTES);
  clock.advance(TICKET_KEY_AGE_MS);
  expect(seen).toHaveLength(1);
  expect(keys.key).toBe(seen[0]);
  expect(keys.key.equals(first)).toBe(false);
  clock.advance(TICKET_KEY_AGE_MS);
  expect(seen).toHaveLength(2);
  keys.stop();
  clock.advance(TICKET_KEY_AGE_MS);
  expect(seen).toHaveLength(2);
});
