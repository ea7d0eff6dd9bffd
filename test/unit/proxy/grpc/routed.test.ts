import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { until } from '#test/processes.ts';
import { expect, test } from 'vitest';
import { startHttp2Upstream } from '../forward/http2-upstream.ts';
import { calls, gateway, grpcRoute, service, slice } from '../support/world.ts';
import { startEdge } from '../tls/edge.ts';
import { type Call, call } from './calls.ts';
import { message, readWeb } from './web.ts';

const CALL = { 'content-type': 'application/grpc' };

/** Says which server answered, behind the messages that it got. */
function answerAs(name: string) {
  return (stream: ServerHttp2Stream): void => {
    stream.respond({ ':status': 200, ...CALL, 'x-server': name }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.pipe(stream);
  };
}

/** A proxy with a GRPCRoute of these rules before the servers `one` and `two`, `none` has none. */
async function startShop(rules: object[]) {
  const seen: IncomingHttpHeaders[] = [];
  const serve = (name: string) => {
    const answer = answerAs(name);
    return startHttp2Upstream((stream, headers) => {
      seen.push(headers);
      answer(stream);
    });
  };
  const [one, two] = [await serve('one'), await serve('two')];
  const edge = await startEdge({
    resources: (port) => [
      gateway('edge', [{ port }]),
      ...[service('one'), service('two'), service('none')],
      slice('one', ['127.0.0.1'], { ports: [{ port: one.endpoint.port }] }),
      slice('two', ['127.0.0.1'], { ports: [{ port: two.endpoint.port }] }),
      grpcRoute('g', { hostnames: ['shop.example'], rules }),
    ],
  });
  return { edge, seen };
}

async function done(made: Call): Promise<Call> {
  made.stream.end('hello');
  await made.closed;
  return made;
}

test('a call goes by HTTP/2 to the backend of its rule, though no port says so', async () => {
  const { edge } = await startShop([
    calls({ service: 'shop.Orders', method: 'Place' }, 'one', { name: 'place' }),
    calls({ service: 'shop.Orders' }, 'two'),
  ]);
  expect(edge.problems).toEqual([]);
  const place = await done(call(edge.port));
  expect([place.head['x-server'], place.body.toString()]).toEqual(['one', 'hello']);
  expect(place.trailers['grpc-status']).toBe('0');
  const cancel = await done(call(edge.port, { ':path': '/shop.Orders/Cancel' }));
  expect(cancel.head['x-server']).toBe('two');
  await until('two records', () => edge.records.length === 2);
  expect(edge.records.map(({ route, rule, pathTemplate }) => [route, rule, pathTemplate])).toEqual([
    ['shop/g', 'place', '/shop.Orders/Place'],
    ['shop/g', '1', '/shop.Orders/*'],
  ]);
  expect(edge.records.map(({ grpcStatus, backend }) => [grpcStatus, backend])).toEqual([
    [0, 'shop/one:80'],
    [0, 'shop/two:80'],
  ]);
});

test.each([
  ['no rule', '/shop.Stock/Get', '12', 'no_route'],
  ['no backend', '/shop.Orders/Nowhere', '14', 'invalid_backend'],
  ['no endpoint', '/shop.Orders/Nobody', '14', 'no_endpoint'],
] as const)('a call with %s is told so in gRPC', async (_, path, status, reason) => {
  const { edge } = await startShop([
    calls({ service: 'shop.Orders', method: 'Nowhere' }, 'missing'),
    calls({ service: 'shop.Orders', method: 'Nobody' }, 'none'),
  ]);
  const made = await done(call(edge.port, { ':path': path }));
  expect([made.head[':status'], made.head['grpc-status']]).toEqual([200, status]);
  await until('the record', () => edge.records.length === 1);
  expect(edge.records[0]).toMatchObject({ reason, grpcStatus: Number(status) });
});

test('calls are shared by weight, headers changed on their way', async () => {
  const backendRefs = [
    { name: 'one', port: 80, weight: 3 },
    { name: 'two', port: 80, weight: 1 },
  ];
  const filters = [
    {
      type: 'RequestHeaderModifier',
      requestHeaderModifier: { set: [{ name: 'x-tier', value: 'gold' }], remove: ['x-debug'] },
    },
    {
      type: 'ResponseHeaderModifier',
      responseHeaderModifier: { add: [{ name: 'x-edge', value: 'yes' }] },
    },
  ];
  const { edge, seen } = await startShop([calls(undefined, 'one', { backendRefs, filters })]);
  const counts: Record<string, number> = { one: 0, two: 0 };
  for (let i = 0; i < 80; i++) {
    const made = await done(call(edge.port, { 'x-debug': '1' }));
    const server = String(made.head['x-server']);
    counts[server] = (counts[server] ?? 0) + 1;
    expect(made.head['x-edge']).toBe('yes');
  }
  expect(counts['one']).toBeGreaterThan(45);
  expect(counts['two']).toBeGreaterThan(8);
  expect(seen.every((headers) => headers['x-tier'] === 'gold' && !('x-debug' in headers))).toBe(
    true,
  );
});

test('a browser’s call is one of gRPC for the backend', async () => {
  const { edge, seen } = await startShop([calls(undefined, 'two')]);
  await edge.apply(grpcRoute('g', { rules: [calls({ method: 'Place' }, 'one')] }));
  const answer = await fetch(`http://127.0.0.1:${edge.port}/shop.Orders/Place`, {
    method: 'POST',
    headers: { 'content-type': 'application/grpc-web+proto' },
    body: message('hello'),
  });
  const body = Buffer.from(await answer.arrayBuffer());
  expect(readWeb(body, false)).toEqual({ messages: ['hello'], trailers: { 'grpc-status': '0' } });
  expect(seen[0]?.['content-type']).toBe('application/grpc+proto');
});

test('a change of the route holds for the next call', async () => {
  const { edge } = await startShop([calls(undefined, 'one')]);
  expect((await done(call(edge.port))).head['x-server']).toBe('one');
  await edge.apply(
    grpcRoute('g', { hostnames: ['shop.example'], rules: [calls(undefined, 'two')] }),
  );
  expect((await done(call(edge.port))).head['x-server']).toBe('two');
});
