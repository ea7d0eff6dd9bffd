import { type Socket, connect } from 'node:net';
import { freePort } from '#test/parts.ts';
import { until } from '#test/processes.ts';
import { expect, onTestFinished, test } from 'vitest';
import type { GatewayStatus } from '#contracts/resources/index.ts';
import { startUpstream } from '../forward/harness.ts';
import { said, statusIn } from '../snapshot/conditions/support.ts';
import { gateway, listenerSet, route, rule, service, slice } from '../support/world.ts';
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

const NAMES = ['a.example', 'b.example', '*.wild.example'];
const all = leaf(NAMES);

/** Services that answer with their names, and what else is given. */
async function startWith(
  names: readonly string[],
  files: CertificateFolder,
  resources: (port: number) => readonly unknown[],
): Promise<Edge> {
  const backends = await Promise.all(
    names.map(async (name) => {
      const { endpoint } = await startUpstream((_, response) => void response.end(name));
      const { port } = endpoint;
      return [service(name), slice(name, ['127.0.0.1'], { ports: [{ port }] })];
    }),
  );
  return startEdge({
    files: files.files,
    resources: (port) => [...backends.flat(), ...resources(port)],
  });
}

const noFiles = (): CertificateFolder => new CertificateFolder();

interface Client {
  socket: Socket;
  get(host: string): Promise<string>;
}

/** A connection that is kept; `get` resolves with the status and the body. */
async function keep(port: number): Promise<Client> {
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  const get = async (host: string): Promise<string> => {
    text = '';
    socket.write(`GET / HTTP/1.1\r\nhost: ${host}\r\n\r\n`);
    await until('an answer', () => text.includes('\r\n\r\n') && bodyIn(text) !== undefined);
    return `${text.slice(9, 12)} ${bodyIn(text) ?? ''}`;
  };
  return { socket, get };
}

/** Undefined until all of it is there. */
function bodyIn(text: string): string | undefined {
  const [head = '', body = ''] = text.split('\r\n\r\n');
  const length = Number(/content-length: (\d+)/i.exec(head)?.[1]);
  return body.length < length ? undefined : body;
}

async function isOpen(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  return new Promise((resolve) => {
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
  });
}

test('listeners come and go without a word to the connections of others', async () => {
  const [one, two] = [await freePort(), await freePort()];
  const edge = await startWith(['app'], noFiles(), () => [
    gateway('edge', [{ port: one }]),
    route('all', { rules: [rule('/', 'app')] }),
  ]);
  const kept = await keep(one);
  expect(await kept.get('a.example')).toBe('200 app');
  expect(await isOpen(two)).toBe(false);
  await edge.apply(gateway('edge', [{ port: one }, { name: 'two', port: two }]));
  const other = await keep(two);
  expect(await other.get('a.example')).toBe('200 app');
  expect(await kept.get('a.example')).toBe('200 app');
  await edge.apply(gateway('edge', [{ port: one }]));
  expect(await isOpen(two)).toBe(false);
  expect(await kept.get('a.example')).toBe('200 app');
  expect(kept.socket.destroyed).toBe(false);
});

test('what an address lacks on this machine is said of the Gateway, once', async () => {
  const port = await freePort();
  // TEST-NET-1 (RFC 5737) is nobody's.
  const at = (...values: string[]) =>
    gateway('edge', [{ port }, { name: 'b', port, hostname: 'b.example' }], {
      addresses: values.map((value) => ({ value })),
    });
  const edge = await startWith(['app'], noFiles(), () => [
    at('192.0.2.1', '127.0.0.1'),
    route('all', { rules: [rule('/', 'app')] }),
  ]);
  expect(edge.problems.map(({ path }) => path)).toEqual(['spec.addresses[value=192.0.2.1]']);
  expect(await (await keep(port)).get('a.example')).toBe('200 app');
  const status = (): GatewayStatus =>
    statusIn<GatewayStatus>(edge.world, 'Gateway/shop/edge', { problems: edge.problems });
  const conditions = (): string[] => said(status().conditions);
  expect(status().addresses).toEqual([{ type: 'IPAddress', value: '127.0.0.1' }]);
  expect(conditions().slice(0, 2)).toEqual([
    'Accepted=True Accepted',
    'Programmed=False AddressNotUsable',
  ]);
  await edge.apply(at('127.0.0.1'));
  expect(conditions().slice(0, 2)).toEqual([
    'Accepted=True Accepted',
    'Programmed=True Programmed',
  ]);
});

test('a ListenerSet serves its own routes at its own listeners, beside its Gateway', async () => {
  const [own, shared] = [await freePort(), await freePort()];
  const allowed = { allowedListeners: { namespaces: { from: 'Same' } } };
  const edge = await startWith(['app', 'set'], noFiles(), () => [
    gateway('edge', [{ port: shared, hostname: 'a.example' }], allowed),
    listenerSet('more', [
      { name: 'own', port: own },
      { name: 'shared', port: shared, hostname: 'b.example' },
      { name: 'taken', port: shared, hostname: 'a.example' },
    ]),
    route('app', { rules: [rule('/', 'app')] }),
    route('set', {
      parentRefs: [{ kind: 'ListenerSet', name: 'more' }],
      rules: [rule('/', 'set')],
    }),
  ]);
  expect(edge.problems.map(({ resource, path }) => `${resource} ${path}`)).toEqual([
    'ListenerSet/shop/more spec.listeners[2]',
  ]);
  const client = await keep(shared);
  expect(await client.get('a.example')).toBe('200 app');
  expect(await client.get('b.example')).toBe('200 set');
  expect(await (await keep(own)).get('c.example')).toBe('200 set');
  await until('three records', () => edge.records.length === 3);
  expect(edge.records.map(({ request, source }) => [request.listener, source])).toEqual([
    ['Gateway/shop/edge/http', 'Gateway/shop/edge'],
    ['ListenerSet/shop/more/shared', 'Gateway/shop/edge'],
    ['ListenerSet/shop/more/own', 'Gateway/shop/edge'],
  ]);
  await edge.apply(gateway('edge', [{ port: shared, hostname: 'a.example' }]));
  expect(await isOpen(own)).toBe(false);
  expect(await client.get('b.example')).toMatch(/^404 /);
  expect(await client.get('a.example')).toBe('200 app');
});

test('AllowInsecureFallback lets in clients with a wrong certificate and with none', async () => {
  const files = new CertificateFolder().add('web', all).add('clients', undefined, [otherCa]);
  const strictPort = await freePort();
  const caCertificateRefs = [{ kind: 'ConfigMap', name: 'clients' }];
  const frontend = {
    default: { validation: { caCertificateRefs, mode: 'AllowInsecureFallback' } },
    perPort: [{ port: strictPort, tls: { validation: { caCertificateRefs } } }],
  };
  const edge = await startWith(['app'], files, (port) => [
    httpsGateway(
      port,
      [
        { name: 'open', tls: certificates('web') },
        { name: 'strict', port: strictPort, tls: certificates('web') },
      ],
      { tls: { frontend } },
    ),
    route('all', { rules: [rule('/', 'app')] }),
  ]);
  expect(edge.problems).toEqual([]);
  const { cert, key } = leaf(['client'], { issuer: otherCa });
  const { cert: wrong, key: wrongKey } = leaf(['client']);
  const servername = 'a.example';
  const answers = async (port: number): Promise<boolean[]> => {
    const clients = [{ cert, key }, { cert: wrong, key: wrongKey }, {}];
    const texts: string[] = [];
    for (const client of clients) {
      texts.push(await ask(await secure(port, { servername, ...client }), servername));
    }
    return texts.map((text) => text.includes(' 200 OK'));
  };
  expect(await answers(edge.port)).toEqual([true, true, true]);
  expect(await answers(strictPort)).toEqual([true, false, false]);
});

test('of two authorities of clients the readable one is trusted, the other named', async () => {
  const files = new CertificateFolder().add('web', all).add('clients', undefined, [otherCa]);
  const refs = ['clients', 'gone'].map((name) => ({ kind: 'ConfigMap', name }));
  const frontend = { default: { validation: { caCertificateRefs: refs } } };
  const edge = await startWith(['app'], files, (port) => [
    httpsGateway(port, [{ name: 'https', tls: certificates('web') }], { tls: { frontend } }),
    route('all', { rules: [rule('/', 'app')] }),
  ]);
  const { cert, key } = leaf(['client'], { issuer: otherCa });
  const servername = 'a.example';
  expect(await ask(await secure(edge.port, { servername, cert, key }), servername)).toContain(
    ' 200 OK',
  );
  expect(await ask(await secure(edge.port, { servername }), servername)).toBe('');
  expect(edge.problems.map(({ path }) => path)).toEqual([
    'spec.tls.frontend.default.validation.caCertificateRefs',
  ]);
  const live = { problems: edge.problems };
  const [both] = statusIn<GatewayStatus>(edge.world, 'Gateway/shop/edge', live).listeners;
  expect(said(both?.conditions)).toEqual([
    'Accepted=True Accepted',
    'Conflicted=False NoConflicts',
    'ResolvedRefs=False InvalidCACertificateRef',
    'Programmed=True Programmed',
  ]);
  const gone = { validation: { caCertificateRefs: refs.slice(1) } };
  const spec = { tls: { frontend: { default: gone } } };
  await edge.apply(httpsGateway(edge.port, [{ name: 'https', tls: certificates('web') }], spec));
  const [none] = statusIn<GatewayStatus>(edge.world, 'Gateway/shop/edge', {
    problems: edge.problems,
  }).listeners;
  expect(said(none?.conditions).filter((each) => !each.startsWith('Conflicted'))).toEqual([
    'Accepted=False NoValidCACertificate',
    'ResolvedRefs=False InvalidCACertificateRef',
    'Programmed=False Invalid',
  ]);
});

test('a request for the host of another listener of the port is misdirected', async () => {
  const files = new CertificateFolder().add('web', all);
  const tls = certificates('web');
  const names = ['any', 'exact', 'wild', 'inner'];
  const edge = await startWith(names, files, (port) => [
    httpsGateway(port, [
      { name: 'any', tls },
      { name: 'exact', hostname: 'b.example', tls },
      { name: 'wild', hostname: '*.wild.example', tls },
      { name: 'inner', hostname: 'inner.wild.example', tls },
    ]),
    ...names.map((name) =>
      route(name, {
        parentRefs: [{ name: 'edge', sectionName: name }],
        ...(name === 'any' ? { hostnames: ['a.example'] } : {}),
        rules: [rule('/', name)],
      }),
    ),
  ]);
  const cases: [serverName: string, host: string, answer: string][] = [
    ['a.example', 'a.example', '200 any'],
    ['a.example', 'b.example', '421'],
    ['a.example', 'nobody.example', '404'],
    ['b.example', 'b.example', '200 exact'],
    ['b.example', 'a.example', '421'],
    ['b.example', 'nobody.example', '421'],
    ['x.wild.example', 'x.wild.example', '200 wild'],
    ['x.wild.example', 'y.wild.example', '200 wild'],
    ['x.wild.example', 'inner.wild.example', '421'],
    ['x.wild.example', 'b.example', '421'],
    ['x.wild.example', 'nobody.example', '421'],
    ['inner.wild.example', 'inner.wild.example', '200 inner'],
    ['inner.wild.example', 'y.wild.example', '421'],
    ['nobody.example', 'a.example', '200 any'],
    ['nobody.example', 'nobody.example', '404'],
  ];
  const got: typeof cases = [];
  for (const [servername, host] of cases) {
    const socket = await secure(edge.port, { servername, rejectUnauthorized: false });
    const text = await ask(socket, host);
    const body = names.find((name) => text.includes(`\r\n${name}`)) ?? '';
    got.push([servername, host, `${text.slice(9, 12)} ${body}`.trim()]);
  }
  expect(got).toEqual(cases);
});
