import { connect as connectHttp2 } from 'node:http2';
import { type Socket, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { FakeClock } from '#platform/clock.ts';
import {
  LISTENER_DEFAULT,
  type PortLimits,
  type PortSettings,
  type RequestRules,
} from '#proxy/listener/settings.ts';
import { TrustedHops } from '#proxy/listener/trusted-hops.ts';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Front, startFront, startRawUpstream, startUpstream } from '../forward/harness.ts';
import { until } from './http2-frames.ts';

const { limits: LIMITS, rules: RULES } = LISTENER_DEFAULT;
const LOOPBACK = { address: '127.0.0.0', prefix: 8, family: 'ipv4' } as const;

function settings(
  limits: Partial<PortLimits> = {},
  rules: Partial<RequestRules> = {},
): PortSettings {
  const all = { ...RULES, ...rules };
  return { limits: { ...LIMITS, ...limits }, rulesOf: () => all };
}

function head(line: string, ...fields: string[]): string {
  return [`${line} HTTP/1.1`, 'Host: shop.example', ...fields, '', ''].join('\r\n');
}

class Client {
  readonly socket: Socket;
  text = '';
  ended = false;

  constructor({ port }: { port: number }) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.on('data', (chunk) => (this.text += chunk.toString('latin1')));
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => (this.ended = true));
    onTestFinished(() => {
      this.socket.destroy();
    });
  }

  send(bytes: string): this {
    this.socket.write(bytes, 'latin1');
    return this;
  }

  /** Statuses of the answers so far. */
  get statuses(): number[] {
    return [...this.text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status));
  }

  async answered(...statuses: number[]): Promise<void> {
    await until(() => this.statuses.join() === statuses.join());
  }

  async closed(): Promise<void> {
    await until(() => this.ended === true);
  }
}

async function frontOf(
  given: PortSettings,
  clock?: FakeClock,
): Promise<Front & { said: Record<string, unknown>[] }> {
  const said: Record<string, unknown>[] = [];
  const upstream = await startUpstream((request, response) => {
    said.push({ url: request.url, ...request.headers });
    request.resume().once('end', () => response.end('ok'));
  });
  const more = clock === undefined ? {} : { clock };
  const front = await startFront({ endpoint: upstream.endpoint, settings: given, ...more });
  return Object.assign(front, { said });
}

describe('limits of a port', () => {
  it.each([
    ['requestLineBytes', { startLineBytes: 300 }, head(`GET /${'a'.repeat(300)}`), 414],
    ['headerBytes', { headBytes: 1_024 }, head('GET /', `A: ${'a'.repeat(1_024)}`), 431],
    ['headerCount', { fields: 3 }, head('GET /', 'A: 1', 'B: 2', 'C: 3'), 431],
  ])('%s', async (_, over, bytes, status) => {
    const front = await frontOf(settings({ head: { ...LIMITS.head, ...over } }));
    const refused = new Client(front).send(bytes);
    await refused.closed();
    expect(refused.statuses).toEqual([status]);
    const served = new Client(front).send(head('GET /', 'A: 1', 'B: 2'));
    await served.answered(200);
  });

  it('a larger head than the default is read where it may come', async () => {
    const larger = { startLineBytes: 20_000, headBytes: 400_000, fields: 300 };
    const front = await frontOf(settings({ head: larger }));
    const fields = Array.from({ length: 250 }, (_, index) => `A${index}: ${'a'.repeat(300)}`);
    const client = new Client(front).send(head(`GET /?${'a'.repeat(10_000)}`, ...fields));
    // Node's server, behind it, is not asked for so much.
    await until(() => front.records.length === 1);
    expect(front.records[0]?.request.headers.size).toBe(251);
    client.socket.destroy();
  });

  it('connections: who has been idle longest makes room, also when fewer are allowed', async () => {
    const front = await frontOf(settings({ connections: 2 }));
    const clients: Client[] = [];
    for (let i = 0; i < 3; i++) {
      const client = new Client(front).send(head('GET /'));
      await client.answered(200);
      clients.push(client);
    }
    await clients[0]?.closed();
    expect([clients[1]?.ended, clients[2]?.ended]).toEqual([false, false]);
    front.server.settings = settings({ connections: 1 });
    // Nobody is closed by the change itself, and what is open is served.
    await clients[1]?.send(head('GET /')).answered(200, 200);
    await new Client(front).send(head('GET /')).answered(200);
    await Promise.all([clients[1]?.closed(), clients[2]?.closed()]);
  });

  it('connectionsPerAddress', async () => {
    const front = await frontOf(settings({ connectionsPerAddress: 1 }));
    const first = new Client(front).send(head('GET /'));
    await first.answered(200);
    await new Client(front).send(head('GET /')).answered(200);
    await first.closed();
    expect(front.server.connections).toBe(1);
  });

  it('streams of an HTTP/2 connection', async () => {
    const front = await frontOf(settings({ streams: 3 }));
    const session = connectHttp2(`http://127.0.0.1:${front.port}`);
    onTestFinished(() => session.destroy());
    await until(() => session.remoteSettings.maxConcurrentStreams === 3);
  });

  it('headerCount and headerBytes of an HTTP/2 head', async () => {
    const over = { ...LIMITS.head, fields: 3, headBytes: 30_000 };
    const front = await frontOf(settings({ head: over }));
    const session = connectHttp2(`http://127.0.0.1:${front.port}`);
    onTestFinished(() => session.destroy());
    const ask = async (more: object): Promise<unknown> => {
      const stream = session.request({ ':path': '/', ':authority': 'shop.example', ...more });
      const answer = new Promise((resolve, reject) => {
        stream.once('response', (fields) => resolve(fields[':status']));
        stream.once('error', reject);
      });
      void text(stream).catch(() => undefined);
      return answer;
    };
    expect(await ask({ a: '1', b: '2' })).toBe(200);
    expect(await ask({ a: '1', b: '2', c: '3', d: '4' })).toBe(431);
    expect(session.remoteSettings.maxHeaderListSize).toBe(30_000);
  });
});

describe('time-outs of a listener', () => {
  it('headerRead: from the connection on, and from the first byte of each head', async () => {
    const clock = new FakeClock();
    const front = await frontOf(settings({ headerReadMs: 700 }), clock);
    const silent = new Client(front);
    const slow = new Client(front).send('GET / HTTP/1.1\r\nHo');
    await until(() => front.server.connections === 2);
    await new Promise((resolve) => slow.socket.write('s', resolve));
    await until(() => slow.socket.bytesWritten === 19);
    await untilRead(front);
    clock.advance(690);
    await new Client(front).send(head('GET /')).answered(200);
    expect([silent.ended, slow.ended]).toEqual([false, false]);
    clock.advance(20);
    await Promise.all([silent.closed(), slow.closed()]);
    expect([silent.text, slow.statuses]).toEqual(['', [408]]);
  });

  it('keepAliveIdle: of a connection as it was when it began', async () => {
    const clock = new FakeClock();
    const front = await frontOf(settings({ keepAliveIdleMs: 2_000 }), clock);
    const before = new Client(front).send(head('GET /'));
    await before.answered(200);
    front.server.settings = settings({ keepAliveIdleMs: 8_000 });
    const after = new Client(front).send(head('GET /'));
    await after.answered(200);
    clock.advance(2_020);
    await before.closed();
    expect(after.ended).toBe(false);
    clock.advance(6_000);
    await after.closed();
  });

  it('keepAliveIdle: a minute at the edge, five in the mesh', async () => {
    const clock = new FakeClock();
    const upstream = await startUpstream((_request, response) => response.end('ok'));
    const { endpoint } = upstream;
    const edge = new Client(await startFront({ endpoint, clock })).send(head('GET /'));
    const mesh = new Client(await startFront({ endpoint, clock, direction: 'inbound' }));
    await Promise.all([edge.answered(200), mesh.send(head('GET /')).answered(200)]);
    clock.advance(60_020);
    await edge.closed();
    expect(mesh.ended).toBe(false);
    clock.advance(239_000);
    await mesh.send(head('GET /')).answered(200, 200);
    clock.advance(300_020);
    await mesh.closed();
  });

  it('keepAliveIdle of an HTTP/2 connection', async () => {
    const clock = new FakeClock();
    const front = await frontOf(settings({ keepAliveIdleMs: 2_000 }), clock);
    const session = connectHttp2(`http://127.0.0.1:${front.port}`);
    let code: number | undefined;
    session.on('goaway', (given) => (code = given));
    onTestFinished(() => session.destroy());
    await until(() => session.remoteSettings.maxConcurrentStreams === 100);
    clock.advance(1_900);
    await untilRead(front);
    expect(code).toBeUndefined();
    clock.advance(120);
    await until(() => code === 0);
  });

  it('streamIdle: a client that stops sending', async () => {
    const clock = new FakeClock();
    const front = await frontOf(settings({}, { streamIdleMs: 900 }), clock);
    const client = new Client(front).send(`${head('POST /', 'Content-Length: 9')}abc`);
    await until(() => front.said.length === 1);
    await until(() => client.socket.bytesWritten > 0);
    clock.advance(890);
    await untilRead(front);
    expect(client.ended).toBe(false);
    clock.advance(1_000);
    await client.closed();
    expect(front.records.at(-1)?.reason).toBe('client_closed');
  });

  it('streamIdle of HTTP/2 streams: each its own, whichever came first', async () => {
    const clock = new FakeClock();
    const byHost = { 'slow.example': 5_000, 'fast.example': 900 };
    const front = await frontOf(
      {
        limits: LIMITS,
        rulesOf: (host) => ({ ...RULES, streamIdleMs: byHost[host as keyof typeof byHost] }),
      },
      clock,
    );
    const session = connectHttp2(`http://127.0.0.1:${front.port}`);
    onTestFinished(() => session.destroy());
    const ended: string[] = [];
    for (const host of Object.keys(byHost)) {
      const stream = session.request({ ':method': 'POST', ':path': '/', ':authority': host });
      stream.on('error', () => undefined);
      stream.once('close', () => ended.push(host));
      stream.write('abc');
      await until(() => front.said.some((said) => said['host'] === host));
    }
    clock.advance(890);
    await untilRead(front);
    expect(ended).toEqual([]);
    clock.advance(1_000);
    await until(() => ended.length === 1);
    clock.advance(4_000);
    await until(() => ended.length === 2);
    expect(ended).toEqual(['fast.example', 'slow.example']);
    await until(() => front.records.length >= 2);
    const reasons = front.records.filter(({ request }) => request.method === 'POST');
    expect(reasons.map(({ reason }) => reason)).toEqual(['client_closed', 'client_closed']);
  });

  it('streamIdle: an upstream that stops in a body', async () => {
    const clock = new FakeClock();
    const endpoint = await startRawUpstream((socket) => {
      socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc'));
    });
    const front = await startFront({
      endpoint,
      clock,
      settings: settings({}, { streamIdleMs: 900 }),
    });
    const client = new Client(front).send(head('GET /'));
    await until(() => client.text.includes('abc'));
    expect(client.ended).toBe(false);
    clock.advance(920);
    await client.closed();
    expect(front.records.at(-1)?.reason).toBe('upstream_timeout');
  });
});

describe('rules of a listener', () => {
  it.each([
    ['Reject', '/a%2fb', undefined],
    ['Keep', '/a%2fb', '/a%2Fb'],
    ['Decode', '/a%2fb', '/a/b'],
    ['Decode', '/a%2F..%2fadmin', '/admin'],
    ['Decode', '/a%2F%2F./b', '/a/b'],
    ['Decode', '/%2f..', undefined],
  ] as const)(
    'escapedSlash: %s, %s: upstream sees what was decided on',
    async (escapedSlash, written, seen) => {
      const front = await frontOf(settings({}, { escapedSlash }));
      await new Client(front).send(head(`GET ${written}`)).answered(seen === undefined ? 400 : 200);
      expect(front.said.map(({ url }) => url)).toEqual(seen === undefined ? [] : [seen]);
      if (seen !== undefined) expect(front.records[0]?.request.path).toBe(seen);
    },
  );

  it.each([
    ['Reject', 400, undefined],
    ['Drop', 200, undefined],
    ['Keep', 200, '1'],
  ] as const)('underscores: %s', async (underscores, status, seen) => {
    const front = await frontOf(settings({}, { underscores }));
    await new Client(front).send(head('GET /', 'X_A: 1')).answered(status);
    expect(front.said[0]?.['x_a']).toBe(seen);
  });

  it('trusted hops: record, limits and upstream have the same client', async () => {
    const trustedHops = new TrustedHops([LOOPBACK], undefined);
    const front = await frontOf(settings({}, { trustedHops }));
    const client = new Client(front);
    await client.send(head('GET /', 'X-Forwarded-For: 203.0.113.5')).answered(200);
    expect(front.records[0]?.request).toMatchObject({ clientAddress: '203.0.113.5' });
    expect(front.said[0]).toMatchObject({ 'x-forwarded-for': '203.0.113.5, 127.0.0.1' });
    // The next request of the same connection obeys what holds by then.
    front.server.settings = settings();
    await client.send(head('GET /', 'X-Forwarded-For: 203.0.113.5')).answered(200, 200);
    expect(front.records[1]?.request).toMatchObject({ clientAddress: '127.0.0.1' });
    expect(front.said[1]).toMatchObject({ 'x-forwarded-for': '127.0.0.1' });
  });
});

/** All that was sent to the proxy before has been read: it serves its sockets in turn. */
async function untilRead(front: Front): Promise<void> {
  const client = new Client(front).send(head('TRACE /'));
  await client.answered(405);
}
