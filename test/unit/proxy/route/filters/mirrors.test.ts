import type { IncomingMessage, ServerResponse } from 'node:http';
import { FakeClock } from '#platform/clock.ts';
import { COPIES_MAX, COPY_BUFFER_BYTES_MAX } from '#proxy/forward/copies.ts';
import { until } from '#test/processes.ts';
import { describe, expect, it } from 'vitest';
import { call, rawClient } from '../../../../faults/support/call.ts';
import { startRawUpstream, startUpstream } from '../../forward/harness.ts';
import { askHttp2, startHttp2Upstream } from '../../forward/http2-upstream.ts';
import { own, rule, service } from '../../support/world.ts';
import { type Edge, startEdge, startKeeper } from './edge.ts';

const mirror = (name: string, more: object = {}): object => ({
  type: 'RequestMirror',
  requestMirror: { backendRef: { name, port: 80 }, ...more },
});
const post = ({ port }: Edge, body: Buffer, path = '/x?q=1') =>
  call(port, { method: 'POST', path, headers: { host: 'shop.example' } }, body);
const idle = (edge: Edge): Promise<unknown> => until('no copy', () => edge.copies.inFlight === 0);
/** Takes a connection, and says and reads nothing. */
const silent = () => startRawUpstream((socket) => void socket.pause());

describe('a mirror', () => {
  it('gets what the backend gets, each its own copy; its answer goes nowhere', async () => {
    const app = await startKeeper();
    const loud = (_: IncomingMessage, response: ServerResponse): void => {
      response.statusCode = 500;
      response.end('x'.repeat(100_000));
    };
    const [one, two] = [await startKeeper(loud), await startKeeper(loud)];
    const edge = await startEdge({
      services: { app: app.endpoint, one: one.endpoint, two: two.endpoint },
      rules: [
        rule('/', 'app', {
          filters: [
            mirror('one'),
            {
              type: 'RequestHeaderModifier',
              requestHeaderModifier: { set: [{ name: 'x-a', value: '1' }] },
            },
            { type: 'URLRewrite', urlRewrite: { hostname: 'up.example' } },
            mirror('two'),
          ],
        }),
      ],
    });
    const answer = await post(edge, Buffer.alloc(200_000, 'b'));
    expect([answer.status, answer.body.toString()]).toEqual([200, 'ok']);
    await until('both', () => one.got.length === 1 && two.got.length === 1);
    await idle(edge);
    const [want] = app.got;
    for (const { line, host, headers, body } of [one.got[0], two.got[0]].flatMap(
      (got) => got ?? [],
    )) {
      expect({ line, host, body: body.length }).toEqual({
        ...{ line: 'POST /x?q=1', host: 'up.example', body: 200_000 },
      });
      expect(headers).toEqual(want?.headers);
    }
    expect(edge.records).toMatchObject([{ mirrored: 2, status: 200, backend: 'shop/app:80' }]);
    expect([edge.copies.lost, edge.errors]).toEqual([0, []]);
    // Their connections are kept, as any.
    const sockets = one.sockets.size;
    await call(edge.port);
    await until('the next', () => one.got.length === 2);
    expect([sockets, one.sockets.size]).toEqual([1, 1]);
  });

  it('gets its share alone', async () => {
    const [app, one] = [await startKeeper(), await startKeeper()];
    const draws = [0.1, 0.19, 0.2, 0.9];
    let next = 0;
    const edge = await startEdge({
      services: { app: app.endpoint, one: one.endpoint },
      random: () => draws[next++ % draws.length] ?? 0,
      rules: [rule('/', 'app', { filters: [mirror('one', { percent: 20 })] })],
      more: [
        ...['app', 'one'].map((name) =>
          own('TrafficPolicy', name, {
            ...{ targetRefs: [{ kind: 'Service', name }], loadBalancing: { type: 'RoundRobin' } },
          }),
        ),
      ],
    });
    for (const _ of draws) await call(edge.port);
    await until('the copies', () => one.got.length === 2);
    expect(edge.records.map(({ mirrored }) => mirrored)).toEqual([1, 1, 0, 0]);
  });

  it.each([
    ['that nobody answers for', undefined, Buffer.of()],
    ['that is silent', silent, Buffer.of()],
    ['that reads no body', silent, Buffer.alloc(16 * COPY_BUFFER_BYTES_MAX, 'b')],
    [
      'that breaks off',
      () => startRawUpstream((socket) => void socket.resetAndDestroy()),
      Buffer.alloc(1_000, 'b'),
    ],
  ] as const)('%s holds nothing up', async (_, start, body) => {
    const app = await startKeeper();
    const edge = await startEdge({
      services: { app: app.endpoint, one: await start?.() },
      rules: [rule('/', 'app', { filters: [mirror('one')] })],
    });
    const answer = await post(edge, body);
    expect([answer.status, app.got[0]?.body.length]).toEqual([200, body.length]);
    expect(edge.records).toMatchObject([{ mirrored: 1, reason: 'ok', retries: 0 }]);
    expect(edge.errors).toEqual([]);
    if (body.length === 0 && start !== undefined) expect(edge.copies.inFlight).toBe(1);
    else {
      await idle(edge);
      expect(edge.copies.lost).toBe(1);
    }
  });

  it('is given up when the original ends before its body does', async () => {
    const early = await startUpstream((_, response) => {
      response.writeHead(413, { connection: 'close' });
      response.end('no');
    });
    let closed = 0;
    const endpoint = await startRawUpstream((socket) => {
      socket.resume();
      socket.on('close', () => closed++);
    });
    const edge = await startEdge({
      services: { app: early.endpoint, one: endpoint },
      rules: [rule('/', 'app', { filters: [mirror('one')] })],
    });
    const lines = ['POST / HTTP/1.1', 'Host: shop.example', 'Content-Length: 100000', '', 'part'];
    const client = await rawClient(edge.port, lines.join('\r\n'));
    await until('the answer', () => client.text().startsWith('HTTP/1.1 413'));
    await idle(edge);
    await until('the mirror is let go', () => closed === 1);
    expect(edge.copies.lost).toBe(1);
  });

  it('is left out while too many copies are under way', async () => {
    const [app, endpoint] = [await startKeeper(), await silent()];
    const edge = await startEdge({
      services: { app: app.endpoint, one: endpoint },
      rules: [rule('/', 'app', { filters: [mirror('one')] })],
    });
    for (let i = 0; i < COPIES_MAX; i++) edge.copies.open(() => undefined);
    expect((await call(edge.port)).status).toBe(200);
    expect(edge.records).toMatchObject([{ mirrored: 0 }]);
    expect(edge.copies.lost).toBe(1);
  });

  it('is asked once, and after 30 seconds not waited for', async () => {
    const clock = new FakeClock();
    let seen = 0;
    const [app, endpoint] = [
      await startKeeper(),
      await startRawUpstream((socket) => void socket.on('data', () => seen++)),
    ];
    const edge = await startEdge({
      clock,
      services: { app: app.endpoint, one: endpoint },
      rules: [rule('/', 'app', { filters: [mirror('one')], timeouts: { request: '0s' } })],
      more: [
        own('TrafficPolicy', 'slow', {
          targetRefs: [{ kind: 'Service', name: 'one' }],
          timeouts: { responseHead: '1h' },
          retry: { attempts: 3, on: ['504', 'Reset'] },
        }),
      ],
    });
    expect((await call(edge.port)).status).toBe(200);
    await until('the copy', () => seen === 1);
    clock.advance(29_000);
    expect(edge.copies.inFlight).toBe(1);
    clock.advance(1_020);
    await idle(edge);
    expect([seen, edge.copies.lost]).toEqual([1, 1]);
  });

  it('speaks the protocol of its own port', async () => {
    const app = await startKeeper();
    let body = '';
    const h2 = await startHttp2Upstream((stream) => {
      stream.on('data', (bytes: Buffer) => (body += bytes.toString()));
      stream.on('end', () => {
        stream.respond({ ':status': 200 });
        stream.end('ok');
      });
    });
    const edge = await startEdge({
      services: { app: app.endpoint, one: h2.endpoint },
      rules: [rule('/', 'app', { filters: [mirror('one')] })],
      more: [service('app'), service('one', [{ port: 80, appProtocol: 'kubernetes.io/h2c' }])],
    });
    const asked = { method: 'POST', path: '/h', body: [Buffer.from('one '), Buffer.from('two')] };
    expect((await askHttp2(edge.port, asked)).status).toBe(200);
    await idle(edge);
    expect([h2.seen, body, app.got[0]?.body]).toEqual([['POST /h'], 'one two', 'one two']);
    expect(edge.copies.lost).toBe(0);
  });

  it('of a GRPCRoute gets the call', async () => {
    const bodies: Record<string, string> = {};
    const start = (name: string) =>
      startHttp2Upstream((stream, { 'x-a': added }) => {
        stream.on('data', (bytes: Buffer) => {
          bodies[name] = `${bodies[name] ?? String(added)} ${bytes.toString()}`;
        });
        stream.on('end', () => {
          stream.respond({ 'content-type': 'application/grpc' }, { waitForTrailers: true });
          stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
          stream.end();
        });
      });
    const [app, one] = [await start('app'), await start('one')];
    const edge = await startEdge({
      services: { app: app.endpoint, one: one.endpoint },
      rules: [rule('/', 'app')],
      more: [
        {
          ...{ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'GRPCRoute' },
          metadata: { name: 'calls', namespace: 'shop' },
          spec: {
            parentRefs: [{ name: 'edge' }],
            hostnames: ['calls.example'],
            rules: [
              {
                filters: [
                  mirror('one'),
                  {
                    type: 'RequestHeaderModifier',
                    requestHeaderModifier: { set: [{ name: 'x-a', value: 'call' }] },
                  },
                ],
                backendRefs: [{ name: 'app', port: 80 }],
              },
            ],
          },
        },
      ],
    });
    const headers = { ':authority': 'calls.example', 'content-type': 'application/grpc' };
    const asked = { method: 'POST', path: '/a.B/C', headers, body: [Buffer.from('message')] };
    const answer = await askHttp2(edge.port, asked);
    expect([answer.status, answer.trailers['grpc-status']]).toEqual([200, '0']);
    await idle(edge);
    expect(bodies).toEqual({ app: 'call message', one: 'call message' });
    expect([one.seen, edge.copies.lost]).toEqual([['POST /a.B/C'], 0]);
    expect(edge.records).toMatchObject([{ mirrored: 1, grpcStatus: 0, route: 'shop/calls' }]);
  });

  it('is asked under the policies of its own Service', async () => {
    const [app, one] = [await startKeeper(), await startKeeper()];
    const edge = await startEdge({
      services: { app: app.endpoint, one: one.endpoint },
      rules: [rule('/', 'app', { filters: [mirror('one')] })],
      more: [
        own('AuthenticationPolicy', 'keys', {
          targetRefs: [{ kind: 'Service', name: 'one' }],
          apiKey: {},
        }),
      ],
    });
    expect((await call(edge.port)).status).toBe(200);
    await idle(edge);
    expect([one.got.length, edge.copies.lost]).toEqual([0, 1]);
  });
});
