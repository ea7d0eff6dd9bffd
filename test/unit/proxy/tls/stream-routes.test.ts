import { type AddressInfo, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { freePort } from '#test/parts.ts';
import { until } from '#test/processes.ts';
import { describe, expect, it, onTestFinished, test } from 'vitest';
import { gateway, grant, service, slice } from '../support/world.ts';
import { CertificateFolder, ca, certificates, leaf, refusal, secure, startEdge } from './edge.ts';
import { dial, roundTrip, startEcho, tcpRoute, tlsRoute, at, to, GROUP } from './stream-parts.ts';

const TCP = { protocol: 'TCP' };
const PASSTHROUGH = { protocol: 'TLS', tls: { mode: 'Passthrough' } };

/** Echoes behind its name over TLS, and tells the server names that it was asked for. */
async function startTls(name: string, hosts: string[]): Promise<{ port: number; asked: string[] }> {
  const asked: string[] = [];
  const server = createTlsServer(leaf(hosts), (socket) => {
    asked.push(String(socket.servername));
    socket.on('error', () => socket.destroy());
    socket.write(`${name}:`);
    socket.pipe(socket);
  });
  server.on('connection', (socket: Socket) => socket.on('error', () => socket.destroy()));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { port: (server.address() as AddressInfo).port, asked };
}

/** Empty for a connection that is closed, or reset, which it is where the byte was not read. */
async function answerOf(port: number): Promise<string> {
  try {
    return await roundTrip(await dial(port), 'x');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ECONNRESET') return '';
    throw error;
  }
}

test('of several TCPRoutes at a listener the oldest has it; the next when it goes', async () => {
  const [one, two] = [await startEcho('one'), await startEcho('two')];
  const edge = await startEdge({
    resources: (port) => [
      gateway('edge', [{ port, ...TCP }]),
      ...[service('a'), service('b'), at('a', one.port), at('b', two.port)],
      tcpRoute('z-older', [to('a')]),
    ],
  });
  await edge.apply(tcpRoute('a-newer', [to('b')]));
  expect(edge.problems).toEqual([]);
  const answers = await Promise.all(Array.from({ length: 30 }, () => answerOf(edge.port)));
  expect(new Set(answers)).toEqual(new Set(['one:x']));
  await edge.apply(tcpRoute('z-older', [to('a')], { parentRefs: [] }));
  expect(await answerOf(edge.port)).toBe('two:x');
});

test('a TCPRoute is at all listeners, or at those of a port, a section, or both', async () => {
  const [first, second, third] = [await freePort(), await freePort(), await freePort()];
  const echoes = await Promise.all(['all', 'port', 'section', 'both'].map(startEcho));
  const names = ['all', 'by-port', 'by-section', 'by-both'];
  const by = (name: string, ref: object): object =>
    tcpRoute(name, [to(name)], { parentRefs: [{ name: 'edge', ...ref }] });
  const edge = await startEdge({
    resources: (port) => [
      gateway('edge', [
        { name: 'zero', port, ...TCP },
        { name: 'one', port: first, ...TCP },
        { name: 'two', port: second, ...TCP },
        { name: 'three', port: third, ...TCP },
      ]),
      ...names.flatMap((name, index) => [service(name), at(name, echoes[index]?.port ?? 0)]),
      ...[by('by-port', { port: first }), by('by-section', { sectionName: 'two' })],
      by('by-both', { sectionName: 'three', port: third }),
    ],
  });
  await edge.apply(by('all', {}));
  expect(edge.problems).toEqual([]);
  const answers = [edge.port, first, second, third].map(answerOf);
  expect(await Promise.all(answers)).toEqual(['all:x', 'port:x', 'section:x', 'both:x']);
});

test('an invalid backend keeps its share of the connections, which are closed', async () => {
  const echo = await startEcho('one');
  const edge = await startEdge({
    resources: (port) => [
      gateway('edge', [{ port, ...TCP }]),
      ...[service('db'), at('db', echo.port), tcpRoute('db', [to('db'), to('nobody')])],
    ],
  });
  expect(edge.problems.map(({ path, reason }) => [path, reason])).toEqual([
    ['spec.rules[0].backendRefs[1].name', 'missing_reference'],
  ]);
  const answers = await Promise.all(Array.from({ length: 40 }, () => answerOf(edge.port)));
  expect(new Set(answers)).toEqual(new Set(['one:x', '']));
  await until('all records', () => edge.records.length === 40);
  const share = edge.records.filter(({ reason }) => reason === 'invalid_backend').length;
  expect(share).toBe(answers.filter((answer) => answer === '').length);
  expect(share).toBeGreaterThan(10);
  expect(share).toBeLessThan(30);
});

test('a backend of another namespace is closed until a grant comes, and when it goes', async () => {
  const echo = await startEcho('vault');
  const vault = { name: 'vault', namespace: 'bank', port: 80 };
  const edge = await startEdge({
    resources: (port) => [
      gateway('edge', [{ port, ...TCP }]),
      service('bank/vault'),
      slice('bank/vault', ['127.0.0.1'], { ports: [{ port: echo.port }] }),
      tcpRoute('db', [vault]),
    ],
  });
  expect(await answerOf(edge.port)).toBe('');
  await edge.apply(grant('bank/g', { kind: 'TCPRoute', namespace: 'shop' }));
  expect(edge.problems).toEqual([]);
  expect(await answerOf(edge.port)).toBe('vault:x');
  await edge.apply(grant('bank/g', { kind: 'TLSRoute', namespace: 'shop' }));
  expect(await answerOf(edge.port)).toBe('');
});

describe('server names that pass through', () => {
  it.each([
    ['an exact name', 'abc.example.com', ['*.example.com'], []],
    ['a wildcard', '*.example.com', ['abc.example.com'], ['*.com']],
    ['a wider wildcard', '*.com', ['abc.example.com'], ['*.example.com']],
    ['any name', undefined, ['abc.example.com'], ['*.com']],
  ])('are those of the listener with %s and of the route', async (_name, hostname, one, two) => {
    const [first, second] = [
      await startTls('one', ['*.example.com']),
      await startTls('two', ['*.example.com']),
    ];
    const edge = await startEdge({
      resources: (port) => [
        gateway('edge', [
          { port, ...PASSTHROUGH, ...(hostname === undefined ? {} : { hostname }) },
        ]),
        ...[service('a'), service('b'), at('a', first.port), at('b', second.port)],
        tlsRoute('one', one, [to('a')]),
        ...(two.length === 0 ? [] : [tlsRoute('two', two, [to('b')])]),
      ],
    });
    expect(edge.problems).toEqual([]);
    const speak = async (servername: string): Promise<string> =>
      roundTrip(await secure(edge.port, { servername }), 'x');
    expect(await speak('abc.example.com')).toBe('one:x');
    if (two.length > 0) expect(await speak('other.example.com')).toBe('two:x');
    for (const servername of ['non.matching.org', two.length > 0 ? 'com' : 'other.example.com']) {
      expect(await refusal(edge.port, { servername })).toBe('ERR_SSL_TLSV1_UNRECOGNIZED_NAME');
    }
  });

  it.each([
    ['an exact one before a wildcard', '*.example.com', 'abc.example.com'],
    ['a longer wildcard before a shorter one', '*.com', '*.example.com'],
  ])('go to the most specific hostname, %s, however new its route', async (_name, older, newer) => {
    const [first, second] = [
      await startTls('one', ['*.example.com']),
      await startTls('two', ['*.example.com']),
    ];
    const edge = await startEdge({
      resources: (port) => [
        gateway('edge', [{ port, ...PASSTHROUGH }]),
        ...[service('a'), service('b'), at('a', first.port), at('b', second.port)],
        tlsRoute('older', [older], [to('a')]),
      ],
    });
    await edge.apply(tlsRoute('newer', [newer], [to('b')]));
    const socket = await secure(edge.port, { servername: 'abc.example.com' });
    expect(await roundTrip(socket, 'x')).toBe('two:x');
  });
});

test('one port ends TLS for one name and passes it through for another', async () => {
  const [echo, backend] = [await startEcho('plain'), await startTls('tls', ['abc.example.com'])];
  const edge = await startEdge({
    files: new CertificateFolder().add('web', leaf(['tls.example.com'])).files,
    resources: (port) => [
      gateway('edge', [
        {
          ...{ name: 'ends', port, protocol: 'TLS', hostname: 'tls.example.com' },
          tls: { mode: 'Terminate', ...certificates('web') },
        },
        { name: 'passes', port, ...PASSTHROUGH, hostname: 'abc.example.com' },
      ]),
      ...[service('a'), service('b'), at('a', echo.port), at('b', backend.port)],
      tlsRoute('ends', ['tls.example.com'], [to('a')]),
      tlsRoute('passes', ['abc.example.com'], [to('b')]),
    ],
  });
  expect(edge.problems).toEqual([]);
  const ends = await secure(edge.port, { servername: 'tls.example.com' });
  expect(await roundTrip(ends, 'x')).toBe('plain:x');
  const passes = await secure(edge.port, { servername: 'abc.example.com' });
  expect(await roundTrip(passes, 'x')).toBe('tls:x');
  expect(backend.asked).toEqual(['abc.example.com']);
});

test('a BackendTLSPolicy secures what ends here anew, and leaves what passes through', async () => {
  const backend = await startTls('db', ['db.internal', 'abc.example.com']);
  const policy = {
    ...{ apiVersion: `${GROUP}/v1`, kind: 'BackendTLSPolicy' },
    metadata: { name: 'db', namespace: 'shop' },
    spec: {
      targetRefs: [{ kind: 'Service', name: 'db' }],
      validation: {
        hostname: 'db.internal',
        caCertificateRefs: [{ kind: 'ConfigMap', name: 'ca' }],
      },
    },
  };
  const folder = new CertificateFolder().add('ca', undefined, [ca]);
  const edge = await startEdge({
    files: folder.add('web', leaf(['tls.example.com'])).files,
    resources: (port) => [
      gateway('edge', [
        {
          ...{ name: 'ends', port, protocol: 'TLS', hostname: 'tls.example.com' },
          tls: certificates('web'),
        },
        { name: 'passes', port, ...PASSTHROUGH, hostname: 'abc.example.com' },
      ]),
      ...[service('db'), at('db', backend.port), policy],
      tlsRoute('both', ['tls.example.com', 'abc.example.com'], [to('db')]),
    ],
  });
  expect(edge.problems).toEqual([]);
  for (const servername of ['tls.example.com', 'abc.example.com']) {
    const socket = await secure(edge.port, { servername });
    expect(await roundTrip(socket, 'x')).toBe('db:x');
  }
  expect(backend.asked).toEqual(['db.internal', 'abc.example.com']);
});
