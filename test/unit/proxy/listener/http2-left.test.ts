// Calls that their client opens and resets in one piece, as clients of gRPC in Go do. Node tells of
// those that came with the preface when the reset is done, of later ones before it.
import { constants } from 'node:http2';
import { expect, test } from 'vitest';
import { type Front, type Upstream, startFront, startUpstream } from '../forward/harness.ts';
import {
  END_HEADERS,
  GET,
  PREFACE,
  RawClient,
  TYPE,
  frame,
  headers,
  settings,
  uint32,
  until,
} from './http2-frames.ts';

const { NGHTTP2_CANCEL, NGHTTP2_ENHANCE_YOUR_CALM, NGHTTP2_PROTOCOL_ERROR } = constants;

/** Its last stream is one of the client's own, which nghttp2 does not take. */
const GOAWAY = frame(TYPE.goaway, 0, 0, Buffer.concat([uint32(1), uint32(0)]));
const LEFT = 'client_closed 0 GET shop.example/ http/2';

const reset = (stream: number, code = NGHTTP2_CANCEL): Buffer =>
  frame(TYPE.reset, 0, stream, uint32(code));

async function start(): Promise<{ front: Front; upstream: Upstream; raw: RawClient }> {
  const upstream = await startUpstream((_request, response) => response.end('ok'));
  const front = await startFront({ endpoint: upstream.endpoint });
  const raw = new RawClient(front.port);
  return { front, upstream, raw };
}

function rowsOf({ records }: Front): string[] {
  return records.map(({ reason, status, request }) => {
    const { method, host, path, protocol } = request;
    return `${reason} ${status} ${method} ${host}${path} ${protocol}`;
  });
}

test('it has one record with its name, nothing goes upstream, the next is served', async () => {
  const { front, upstream, raw } = await start();
  raw.send(PREFACE, settings(), headers(1, GET), reset(1));
  await until(() => front.records.length > 0);
  expect(rowsOf(front)).toEqual([LEFT]);
  expect(upstream.seen).toEqual([]);
  raw.send(headers(3, GET));
  await until(() => raw.of(TYPE.data, 3).length > 0 && front.records.length === 2);
  expect(rowsOf(front)).toEqual([LEFT, 'ok 200 GET shop.example/ http/2']);
  expect([upstream.seen, front.released]).toEqual([['GET /'], 1]);
});

test('the same record where its body was still to come', async () => {
  const { front, raw } = await start();
  raw.send(PREFACE, settings(), headers(1, GET, END_HEADERS), reset(1));
  await until(() => front.records.length > 0);
  expect(rowsOf(front)).toEqual([LEFT]);
});

test('a GOAWAY behind it that nghttp2 does not take is no bad request', async () => {
  const { front, raw } = await start();
  raw.send(PREFACE, settings(), headers(1, GET), reset(1));
  await until(() => front.records.length > 0);
  raw.send(GOAWAY);
  await until(() => raw.closed && front.server.connections === 0);
  expect(raw.goaway).toBe(NGHTTP2_PROTOCOL_ERROR);
  expect(rowsOf(front)).toEqual([LEFT]);
});

test('nor is that GOAWAY in the same piece', async () => {
  const { front, raw } = await start();
  raw.send(PREFACE, settings(), headers(1, GET), reset(1), GOAWAY);
  await until(() => raw.closed && front.server.connections === 0);
  expect(rowsOf(front)).toEqual([LEFT]);
});

test('a call of gRPC is recorded as cancelled, whatever is wrong with it', async () => {
  for (const timeout of ['1S', 'soon']) {
    const { front, raw } = await start();
    const fields = [
      ...[[':method', 'POST'] as const, ...GET.slice(1, 3), [':path', '/shop.Cart/Add'] as const],
      ...[['content-type', 'application/grpc'] as const, ['grpc-timeout', timeout] as const],
    ];
    raw.send(PREFACE, settings(), headers(1, fields, END_HEADERS), reset(1));
    await until(() => front.records.length > 0);
    expect(rowsOf(front)).toEqual(['client_closed 0 POST shop.example/shop.Cart/Add http/2']);
    expect(front.records.map(({ grpcStatus }) => grpcStatus)).toEqual([1]);
  }
});

test('of a head that is not valid the record has what one of a refused request has', async () => {
  const { front, raw } = await start();
  const fields = [...GET.slice(0, 3), [':path', '/a%00b?c'] as const];
  raw.send(PREFACE, settings(), headers(1, fields), reset(1));
  await until(() => front.records.length > 0);
  expect(rowsOf(front)).toEqual(['client_closed 0 GET /a%00b http/2']);
});

test('one that is reset for a breach of the protocol stays a bad request, and is one', async () => {
  const { front, raw } = await start();
  raw.send(PREFACE, settings(), headers(1, GET), reset(1, NGHTTP2_PROTOCOL_ERROR));
  await until(() => front.records.length > 0);
  raw.send(GOAWAY);
  await until(() => raw.closed && front.server.connections === 0);
  expect(front.records.map(({ reason, status }) => [reason, status])).toEqual([
    ['bad_request', 400],
  ]);
});

test('a flood of them in one piece has rows up to the limit, and one for the rest', async () => {
  const { front, upstream, raw } = await start();
  const ids = Array.from({ length: 250 }, (_, index) => 2 * index + 1);
  const flood = ids.flatMap((id) => [headers(id, GET), reset(id)]);
  raw.send(PREFACE, settings(), ...flood);
  await until(() => raw.closed && front.server.connections === 0);
  expect(raw.goaway).toBe(NGHTTP2_ENHANCE_YOUR_CALM);
  const rows = rowsOf(front);
  expect(rows.filter((row) => row === LEFT)).toHaveLength(100);
  expect(rows.slice(100)).toEqual(['bad_request 400   ']);
  expect(upstream.seen).toEqual([]);
});

test('each counts once towards the limit, with the preface or behind it', async () => {
  const { front, raw } = await start();
  raw.send(PREFACE, settings(), headers(1, GET), reset(1));
  await until(() => front.records.length === 1);
  for (let count = 2; count <= 100; count++) {
    raw.send(headers(2 * count - 1, GET), reset(2 * count - 1));
    await until(() => front.records.length === count);
  }
  expect(rowsOf(front)).toEqual(Array.from({ length: 100 }, () => LEFT));
  expect([raw.goaway, raw.closed]).toEqual([undefined, false]);
  raw.send(headers(201, GET), reset(201));
  await until(() => raw.goaway === NGHTTP2_ENHANCE_YOUR_CALM);
});
