// The table of errors, row by row, at a live proxy: each cause is provoked, and what became of the
// request, of its record, of the connection and of the endpoints is held against the row.
import type { Socket } from 'node:net';
import { FakeClock, systemClock } from '#platform/clock.ts';
import { type Cause, ERRORS } from '#proxy/errors.ts';
import type { Exchange } from '#proxy/exchange.ts';
import { REASONS } from '#contracts/reasons.ts';
import { freePort } from '#test/parts.ts';
import { until } from '#test/processes.ts';
import { sources } from '#test/sources.ts';
import { describe, expect, it } from 'vitest';
import { startRawUpstream } from '../unit/proxy/forward/harness.ts';
import * as h2 from '../unit/proxy/listener/http2-frames.ts';
import { own } from '../unit/proxy/support/world.ts';
import * as tls from '../unit/proxy/tls/edge.ts';
import { GET, type RawClient, call, rawClient } from './support/call.ts';
import {
  type FaultFront,
  type FaultFrontOptions,
  type RoutedOptions,
  endpointAt,
  openFront,
  routed,
} from './support/front.ts';

/** Rows of reasons that no phase gives yet. A phase that names one takes it off this list. */
const NOT_MADE = ['denied', 'too_large', 'draining'] as const;
/** Rows that need more than bytes on a port in the clear: each has a test of its own. */
const ELSEWHERE = [
  ...(['bad_frames', 'headers_too_large', 'plain_http', 'misdirected'] as const),
  'handshake_failed',
  ...(['redirected', 'preflight'] as const),
] as const;
type Made = Exclude<Cause, (typeof NOT_MADE)[number]>;

interface Scene {
  front: FaultFront;
  clock: FakeClock;
  /** Requests that the upstreams have seen. */
  seen: () => number;
  client: RawClient;
}

interface Provocation extends Partial<Omit<RoutedOptions, 'clock'>> {
  /** What the client sends; a GET without. */
  bytes?: string;
  /** What an upstream does with a request; it answers well without. `none`: nobody listens. */
  upstream?: ((socket: Socket) => void) | 'none';
  overload?: FaultFrontOptions['overload'] & object;
  isClockFake?: boolean;
  /** Before the client sends. */
  before?: (scene: Omit<Scene, 'client'>) => Promise<unknown>;
  /** After it. */
  after?: (scene: Scene) => Promise<unknown>;
}

const get = (...fields: string[]): string =>
  GET.replace('\r\n\r\n', `\r\n${fields.map((field) => `${field}\r\n`).join('')}\r\n`);
const good = (socket: Socket): void =>
  void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
const silent = (): void => undefined;
const target = (kind: string, name: string) => ({ targetRefs: [{ kind, name }] });
const APP = target('Service', 'app');
const LATER = '2999-01-01T00:00:00Z';

/** All conditions, once more: whether another endpoint is tried is the row's decision alone. */
const RETRY = {
  retry: { attempts: 1, on: ['ConnectFailure', 'Reset', '502', '503', '504'] },
};

const H1: Readonly<Record<Exclude<Made, (typeof ELSEWHERE)[number]>, Provocation>> = {
  bad_start_line: { bytes: 'GET  / HTTP/1.1\r\nHost: a\r\n\r\n' },
  bad_version: { bytes: 'GET / HTTP/2.0\r\nHost: a\r\n\r\n' },
  bad_field: { bytes: get('X : y') },
  line_too_long: { bytes: `GET /${'x'.repeat(9_000)} HTTP/1.1\r\nHost: a\r\n\r\n` },
  head_too_large: {
    bytes: get(...Array.from({ length: 9 }, (_, i) => `X-${i}: ${'y'.repeat(8_000)}`)),
  },
  too_many_fields: { bytes: get(...Array.from({ length: 101 }, (_, i) => `X-${i}: y`)) },
  head_late: {
    bytes: 'GET / HTTP/1.1\r\nHost: a\r\n',
    isClockFake: true,
    after: async ({ front, clock }) => {
      await until('it is read', () => front.server.connections === 1);
      // What was written is read once a later connection has been answered.
      await call(front.port, { headers: { host: 'a', connection: 'close' } });
      front.records.length = 0;
      clock.advance(10_020);
    },
  },
  bad_request: { bytes: 'GET / HTTP/1.1\r\n\r\n' },
  method_refused: { bytes: GET.replace('GET', 'TRACE') },
  not_served: { bytes: 'CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n' },
  expectation_failed: { bytes: get('Expect: 200-ok') },
  loop: { bytes: get(`Via: ${Array.from({ length: 21 }, () => '1.1 x').join(', ')}`) },

  no_route: { rule: { matches: [{ path: { type: 'PathPrefix', value: '/elsewhere' } }] } },
  unauthenticated: {
    more: [own('AuthenticationPolicy', 'p', { ...target('Gateway', 'edge'), apiKey: {} })],
  },
  policy_unavailable: {
    more: [
      own('RateLimitPolicy', 'p', {
        ...target('Gateway', 'edge'),
        limits: [{ name: 'l', requests: 1, per: '0s' }],
      }),
    ],
    hasProblems: true,
  },
  limited: {
    more: [
      own('RateLimitPolicy', 'p', { ...APP, limits: [{ name: 'l', requests: 1, per: '1m' }] }),
    ],
    before: ({ front }) => call(front.port).then(() => (front.records.length = 0)),
  },
  invalid_backend: { rule: { backendRefs: [{ name: 'nobody', port: 80 }] }, hasProblems: true },
  fault_injected: {
    more: [
      own('FaultPolicy', 'p', { ...APP, expires: LATER, abort: { percent: 100, status: 503 } }),
    ],
  },
  circuit_open: {
    more: [own('TrafficPolicy', 'one', { ...APP, ...RETRY, circuit: { requests: 1 } })],
    upstream: silent,
    before: async ({ front, seen }) => {
      await rawClient(front.port, GET);
      await until('the only place is taken', () => seen() === 1);
    },
  },
  no_endpoint: { endpoints: [] },

  upstream_refused: { upstream: 'none' },
  upstream_reset: { upstream: (socket) => void socket.resetAndDestroy() },
  upstream_invalid: { upstream: (socket) => socket.end('SSH-2.0-x\r\n') },
  upstream_timeout: {
    rule: { timeouts: { backendRequest: '1s' } },
    upstream: silent,
    isClockFake: true,
    after: async ({ clock, seen }) => {
      for (const tries of [1, 2]) {
        await until(`try ${tries}`, () => seen() === tries);
        clock.advance(1_020);
      }
    },
  },
  request_timeout: {
    rule: { timeouts: { request: '1s' } },
    upstream: silent,
    isClockFake: true,
    after: async ({ clock, seen }) => {
      await until('the try', () => seen() === 1);
      clock.advance(1_020);
    },
  },
  upstream_aborted: {
    upstream: (socket) => {
      const head = 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello';
      socket.write(head, () => void socket.resetAndDestroy());
    },
  },
  client_closed: {
    upstream: silent,
    after: async ({ client, seen }) => {
      await until('the try', () => seen() === 1);
      client.socket.destroy();
    },
  },
  overloaded: { overload: { sheds: true } },
  internal: {
    random: () => {
      throw new Error('boom');
    },
  },
};

interface Became {
  /** Of the answer; 0: there was none, or none that came whole. */
  status: number;
  body: Record<string, unknown>;
  connection: 'kept' | 'closed' | 'broken';
  record: Exchange;
  /** Errors that endpoints are charged with. */
  charged: number;
}

async function provoke(what: Provocation): Promise<Became> {
  let seen = 0;
  const { upstream = good } = what;
  const endpoint = async () => {
    if (upstream === 'none') return endpointAt(await freePort());
    return startRawUpstream((socket) => {
      socket.on('data', () => {
        seen++;
        upstream(socket);
      });
    });
  };
  const clock = new FakeClock();
  const endpoints = what.endpoints ?? [await endpoint(), await endpoint()];
  const time = what.isClockFake === true ? clock : systemClock;
  const more = what.more ?? [];
  const hasTraffic = more.some((each) => 'kind' in each && each.kind === 'TrafficPolicy');
  if (!hasTraffic) more.push(own('TrafficPolicy', 'retry', { ...APP, ...RETRY }));
  const plane = routed({ ...what, more, endpoints, clock: time });
  const front = await openFront({
    ...{ dataPlane: plane, clock: time },
    ...(what.overload === undefined ? {} : { overload: what.overload }),
  });
  const scene = { front, clock, seen: () => seen };
  await what.before?.(scene);
  const client = await rawClient(front.port, what.bytes ?? GET);
  await what.after?.({ ...scene, client });
  await until(
    'an answer or an end',
    () => client.closed() || answerIn(client.text()) !== undefined,
  );
  await until('the record', () => front.records.length > 0);
  const [record] = front.records;
  if (record === undefined) throw new Error('no record');
  const charged = plane.endpoints().reduce((sum, each) => sum + each.consecutiveErrors, 0);
  const answer = answerIn(client.text());
  const connection = answer === undefined ? 'broken' : await fateOf(client);
  return { ...(answer ?? { status: 0, body: {} }), connection, record, charged };
}

/** A whole answer of the proxy's own; undefined: not yet. */
function answerIn(text: string): Pick<Became, 'status' | 'body'> | undefined {
  const [head = '', body = ''] = text.split('\r\n\r\n', 2);
  const length = Number(/^content-length: (\d+)$/im.exec(head)?.[1] ?? Number.NaN);
  if (!(body.length >= length)) return undefined;
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1]);
  return { status, body: JSON.parse(body) as Record<string, unknown> };
}

/** Whether the connection takes another request: one that the parser itself answers. */
async function fateOf(client: RawClient): Promise<'kept' | 'closed'> {
  const before = client.text().length;
  client.socket.write(GET.replace('GET', 'TRACE'));
  const isKept = (): boolean => client.text().slice(before).startsWith('HTTP/1.1 405 ');
  await until('another answer, or the end', () => isKept() || client.closed());
  const saysClose = /^connection: close$/im.test(client.text().slice(0, before));
  expect(saysClose).toBe(!isKept());
  return isKept() ? 'kept' : 'closed';
}

describe('a row of the table of errors', () => {
  it.each(Object.entries(H1))('%s', async (cause, what) => {
    const row = ERRORS[cause as Cause];
    const { status, body, connection, record, charged } = await provoke(what);
    expect({ status, connection }).toEqual({ status: row.status, connection: row.connection });
    if (status !== 0) expect(body).toMatchObject({ status, reason: row.reason });
    if (status !== 0) expect(String(body['detail'])).not.toBe('');
    expect(record.reason).toBe(row.reason);
    // Behind a head the record keeps the status that was passed on.
    expect(record.status).toBe(cause === 'upstream_aborted' ? 200 : row.status);
    const retried = row.retry === undefined ? [0, ''] : [1, row.retry];
    expect([record.retries, record.retryReason]).toEqual(retried);
    expect(charged > 0).toBe(row.blames === 'upstream');
  });

  it('headers_too_large', async () => {
    const front = await openFront({ dataPlane: routed({ endpoints: [] }) });
    const client = new h2.RawClient(front.port);
    const fields = Array.from({ length: 101 }, (_, i) => [`x-${i}`, 'y'] as const);
    client.send(h2.PREFACE, h2.settings(), h2.headers(1, [...h2.GET, ...fields]));
    await until('the record', () => front.records.length === 1);
    const { status, reason } = ERRORS.headers_too_large;
    expect(front.records[0]).toMatchObject({ status, reason, retries: 0 });
    // The stream alone is over.
    client.send(h2.headers(3, h2.GET));
    await until('the next record', () => front.records.length === 2);
    expect([client.closed, client.goaway]).toEqual([false, undefined]);
  });

  it('redirected and preflight have no body, and keep the connection', async () => {
    const redirect = { type: 'RequestRedirect', requestRedirect: { hostname: 'b.example' } };
    const cors = { type: 'CORS', cors: { allowOrigins: ['*'] } };
    const rows = [
      { cause: 'redirected', rule: { filters: [redirect], backendRefs: [] }, bytes: GET },
      {
        cause: 'preflight',
        rule: { filters: [cors] },
        bytes: get('Origin: http://a', 'Access-Control-Request-Method: PUT').replace(
          'GET',
          'OPTIONS',
        ),
      },
    ] as const;
    for (const { cause, rule, bytes } of rows) {
      const front = await openFront({ dataPlane: routed({ endpoints: [], rule }) });
      const client = await rawClient(front.port, bytes);
      await until('the record', () => front.records.length === 1);
      const { status, reason } = ERRORS[cause];
      expect(front.records[0]).toMatchObject({ status, reason, retries: 0, bytesOut: 0 });
      await until('the answer', () => client.text().endsWith('\r\n\r\n'));
      expect(await fateOf(client)).toBe('kept');
    }
  });

  it('bad_frames', async () => {
    const front = await openFront({ dataPlane: routed({ endpoints: [] }) });
    const client = new h2.RawClient(front.port);
    client.send(h2.PREFACE, h2.settings(), h2.frame(h2.TYPE.data, 0, 1, Buffer.from('x')));
    await until('it is closed', () => client.closed);
    const { status, reason, connection } = ERRORS.bad_frames;
    expect(connection).toBe('broken');
    expect(front.records).toMatchObject([{ status, reason, retries: 0 }]);
    expect(client.of(h2.TYPE.headers)).toEqual([]);
  });
});

describe('a row of the table of errors, of TLS', () => {
  const startShop = async () => {
    const files = new tls.CertificateFolder().add('web', tls.leaf(['a.example', 'b.example']));
    const listeners = ['a.example', 'b.example'].map((hostname, index) => {
      return { name: `l${index}`, hostname, tls: tls.certificates('web') };
    });
    return tls.startEdge({
      files: files.files,
      resources: (port) => [tls.httpsGateway(port, listeners)],
    });
  };

  it('plain_http', async () => {
    const edge = await startShop();
    const client = await rawClient(edge.port, GET);
    await until('it is closed', () => client.closed());
    const { status, reason } = ERRORS.plain_http;
    expect(answerIn(client.text())).toMatchObject({ status, body: { reason } });
    expect(edge.records).toMatchObject([{ status, reason }]);
  });

  it('misdirected', async () => {
    const edge = await startShop();
    const socket = await tls.secure(edge.port, { servername: 'a.example' });
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    const { status, reason } = ERRORS.misdirected;
    socket.write(GET.replace(/Host: .*/i, 'Host: b.example'));
    await until('an answer', () => answerIn(text) !== undefined);
    expect(answerIn(text)).toMatchObject({ status, body: { reason } });
    expect(text).not.toMatch(/^connection: close$/im);
    socket.write(GET.replace(/Host: .*/i, 'Host: a.example'));
    await until('the next record', () => edge.records.length === 2);
    expect(edge.records).toMatchObject([{ status, reason }, { reason: 'no_route' }]);
  });

  it('handshake_failed', async () => {
    const edge = await startShop();
    expect(await tls.refusal(edge.port, { servername: 'c.example' })).toMatch(/UNRECOGNIZED/);
    await until('the record', () => edge.records.length === 1);
    const { status, reason } = ERRORS.handshake_failed;
    expect(edge.records).toMatchObject([{ status, reason }]);
  });
});

describe('the table of errors', () => {
  it('has no row that is not provoked here', () => {
    const provoked = [...Object.keys(H1), ...ELSEWHERE, ...NOT_MADE];
    expect(provoked.sort()).toEqual(Object.keys(ERRORS).sort());
  });

  it.each(NOT_MADE)('%s is a reason that no phase gives', (cause) => {
    const made = new RegExp(`(?:replyFor|refuse)\\([^)]*'${cause}'|reason: '${cause}'`);
    const files = sources(['.ts']).filter(({ path }) => path.startsWith('proxy/'));
    expect(files.filter(({ text }) => made.test(text)).map(({ path }) => path)).toEqual([]);
  });

  it.each(Object.entries(ERRORS))('%s has the codes of its reason', (cause, row) => {
    const usual = REASONS[row.reason].status;
    // Causes with a reason of their own have its status; others have one of its class.
    if (cause === row.reason) expect(row.status).toBe(usual);
    const codes: Partial<Record<Cause, number>> = {
      ...{ no_route: 12, unauthenticated: 16, denied: 7, limited: 8, headers_too_large: 8 },
      ...{ upstream_timeout: 4, request_timeout: 4, client_closed: 1, internal: 13 },
      ...{ upstream_refused: 14, upstream_reset: 14, no_endpoint: 14, circuit_open: 14 },
      ...{ overloaded: 14, bad_request: 13 },
    };
    expect(row.grpc).toBe(codes[cause as Cause] ?? row.grpc);
    expect(row.grpc).toBeGreaterThan(0);
    expect(row.grpc).toBeLessThanOrEqual(16);
  });
});
