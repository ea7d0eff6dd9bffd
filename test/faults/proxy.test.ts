import { writeFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { stringify } from 'yaml';
import { type Clock, FakeClock } from '#platform/clock.ts';
import type { DoorParts } from '#proxy/listener/door.ts';
import { freePort, tempDir } from '#test/parts.ts';
import { until } from '#test/processes.ts';
import { describe, expect, it, vi } from 'vitest';
import * as mesh from '../integration/proxy/mesh.ts';
import {
  type ProxyProcess,
  fetchOnce,
  startApp,
  startProxy,
} from '../integration/proxy/proxy-process.ts';
import { startUpstream } from '../unit/proxy/forward/harness.ts';
import { own } from '../unit/proxy/support/world.ts';
import { call, detailOf } from './support/call.ts';
import { openFront, routed } from './support/front.ts';

/** One more policy behind the others: it throws in the phase that a request names. */
vi.mock(import('#proxy/policy/registry.ts'), async (original) => {
  const { GATES } = await original();
  const throwing = (phase: 'authorize' | 'limit'): (typeof GATES)[number] => {
    return () => ({
      ...{ name: `throwing-${phase}`, phase },
      act: (exchange, levels) => {
        const where = exchange.request.headers.get('x-throw');
        // The callee's own policies are asked last, when places are taken already.
        const isCallee = levels.length === 1;
        if (where === phase || (where === `callee-${phase}` && isCallee)) throw new Error('boom');
        return undefined;
      },
      describe: () => [],
      swap: () => undefined,
    });
  };
  return { GATES: [...GATES, throwing('authorize'), throwing('limit')] };
});

const TARGETS = { targetRefs: [{ kind: 'Service', name: 'app' }] };
const ONE_AT_A_TIME = own('TrafficPolicy', 't', { ...TARGETS, circuit: { requests: 1 } });

describe('F21: a mistake in a phase', () => {
  it.each(['authorize', 'limit', 'callee-authorize', 'callee-limit'])(
    'a policy throws (%s): 500 for that request, and its places are given back',
    async (where) => {
      const upstream = await startUpstream((_request, response) => response.end('ok'));
      // With one place, one that is not given back would be missed at once.
      const plane = routed({ endpoints: [upstream.endpoint], more: [ONE_AT_A_TIME] });
      const front = await openFront({ dataPlane: plane });
      for (let i = 0; i < 20; i++) {
        const headers = { host: 'a', 'x-throw': where };
        const answer = await call(front.port, { method: 'POST', headers }, Buffer.from('hello'));
        expect([answer.status, detailOf(answer)]).toEqual([500, 'the proxy made a mistake']);
        expect((await call(front.port)).status).toBe(200);
      }
      await until('the records', () => front.records.length === 40);
      const reasons = front.records.map(({ reason }) => reason);
      expect(reasons.filter((reason) => reason === 'internal')).toHaveLength(20);
      expect(plane.endpoints()[0]).toMatchObject({ inFlight: 0, consecutiveErrors: 0 });
      expect(front.door.inFlight).toBe(0);
      expect(upstream.seen).toHaveLength(20);
    },
  );

  it.each(['', 'a body'])('what passes a head on throws: 500, body "%s" let go', async (body) => {
    const upstream = await startUpstream((_request, response) => response.end(body));
    const plane = routed({ endpoints: [upstream.endpoint], more: [ONE_AT_A_TIME] });
    const dataPlane: DoorParts['dataPlane'] = {
      snapshot: plane.snapshot,
      handle: (exchange, attempt, done) => {
        plane.handle(exchange, attempt, (outcome) => {
          if (outcome.kind !== 'head' || exchange.request.path !== '/boom') done(outcome);
          // No body of this proxy's: the door cannot pass it on, and throws.
          else
            done({ kind: 'head', head: { ...outcome.head, body: { discard: () => undefined } } });
        });
      },
      release: plane.release.bind(plane),
    };
    const front = await openFront({ dataPlane });
    for (let i = 0; i < 10; i++) {
      const answer = await call(front.port, { path: '/boom' });
      expect([answer.status, detailOf(answer)]).toEqual([500, 'the proxy made a mistake']);
      expect((await call(front.port)).body.toString()).toBe(body);
    }
    await until('the records', () => front.records.length === 20);
    expect(front.door.inFlight).toBe(0);
    expect(plane.endpoints()[0]).toMatchObject({ inFlight: 0 });
    // At most the one connection that is kept is left.
    await until('the others are let go', () => upstream.sockets.size <= 1);
  });
});

/** Time that passes as told, and a wall clock that can be set to anything. */
class JumpingClock implements Clock {
  readonly fake = new FakeClock();
  wallOffsetMs = 0;

  nowMs(): number {
    return this.fake.nowMs();
  }

  wallMs(): number {
    return this.fake.wallMs() + this.wallOffsetMs;
  }

  after(...args: Parameters<Clock['after']>): ReturnType<Clock['after']> {
    return this.fake.after(...args);
  }
}

const HOUR_MS = 3_600_000;

describe('F25: the wall clock jumps', () => {
  it.each([HOUR_MS, -HOUR_MS])('by %i ms: time-outs come when they would have', async (jumpMs) => {
    const upstream = await startUpstream(() => undefined);
    const clock = new JumpingClock();
    const rule = { timeouts: { request: '5s' } };
    const plane = routed({ endpoints: [upstream.endpoint], rule, clock });
    const front = await openFront({ dataPlane: plane, clock });
    const answer = call(front.port);
    await until('the request is upstream', () => upstream.seen.length === 1);
    clock.wallOffsetMs = jumpMs;
    clock.fake.advance(4_900);
    expect(front.records).toHaveLength(0);
    clock.fake.advance(200);
    expect((await answer).status).toBe(504);
    await until('the record', () => front.records.length === 1);
    expect(front.records[0]).toMatchObject({ reason: 'request_timeout' });
    expect(front.records[0]?.upstreamMs).toBeLessThan(6_000);
    expect(front.records[0]?.upstreamMs).toBeGreaterThan(4_000);
  });

  it.each([HOUR_MS, -HOUR_MS])('by %i ms: a kept connection stays its time', async (jumpMs) => {
    const upstream = await startUpstream((_request, response) => response.end('ok'));
    const clock = new JumpingClock();
    const plane = routed({ endpoints: [upstream.endpoint], clock });
    const front = await openFront({ dataPlane: plane, clock });
    const agent = new http.Agent({ keepAlive: true });
    expect((await call(front.port, { agent })).status).toBe(200);
    clock.wallOffsetMs = jumpMs;
    clock.fake.advance(59_900);
    expect(front.server.connections).toBe(1);
    clock.fake.advance(200);
    await until('it is closed', () => front.server.connections === 0);
    agent.destroy();
  });

  it.each([HOUR_MS, -HOUR_MS])('by %i ms: rate limits neither open nor close', async (jumpMs) => {
    const upstream = await startUpstream((_request, response) => response.end('ok'));
    const clock = new JumpingClock();
    const limits = [{ name: 'all', requests: 2, per: '1m', key: [] }];
    const more = [own('RateLimitPolicy', 'p', { ...TARGETS, limits })];
    const plane = routed({ endpoints: [upstream.endpoint], more, clock });
    const front = await openFront({ dataPlane: plane, clock });
    const status = async (): Promise<number> => (await call(front.port)).status;
    expect([await status(), await status(), await status()]).toEqual([200, 200, 429]);
    clock.wallOffsetMs = jumpMs;
    expect(await status()).toBe(429);
    clock.fake.advance(31_000);
    expect([await status(), await status()]).toEqual([200, 429]);
  });

  it.each([HOUR_MS, -HOUR_MS])('by %i ms: who was ejected comes back in time', async (jumpMs) => {
    const clock = new JumpingClock();
    const good = await startUpstream((_request, response) => response.end('ok'));
    const bad = await startUpstream((_request, response) => response.writeHead(500).end());
    const plane = routed({ endpoints: [good.endpoint, bad.endpoint], clock });
    const front = await openFront({ dataPlane: plane, clock });
    const isOut = (): boolean => plane.endpoints().some(({ state }) => state === 'ejected');
    while (!isOut()) await call(front.port);
    clock.wallOffsetMs = jumpMs;
    clock.fake.advance(29_900);
    expect(isOut()).toBe(true);
    clock.fake.advance(200);
    expect(isOut()).toBe(false);
  });
});

describe('F02: SIGTERM', () => {
  const piece = 'x'.repeat(16 * 1024);

  async function start(app: http.RequestListener): Promise<{ port: number; proxy: ProxyProcess }> {
    const upstream = await startApp('echo', app);
    const port = await freePort();
    const file = path.join(tempDir(), 'shop.yaml');
    const { gateway, route, service, slice } = mesh;
    const resources = [
      ...[gateway([port]), service('echo'), slice('echo', upstream.port), route('echo', 'echo')],
    ];
    writeFileSync(file, resources.map((each) => stringify(each)).join('---\n'));
    const proxy = startProxy(['--resources', file]);
    await proxy.ready();
    return { port, proxy };
  }

  it('under a load of uploads: each is answered, and the last answer says close', async () => {
    const { port, proxy } = await start((request, response) => {
      let got = 0;
      request.on('data', (chunk: Buffer) => (got += chunk.length));
      request.on('end', () => response.end(String(got)));
    });
    let answered = 0;
    const body = 'y'.repeat(200_000);
    const loops = Array.from({ length: 16 }, async () => {
      const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
      for (;;) {
        const answer = await fetchOnce({ port, agent, method: 'POST' }, body);
        expect([answer.status, answer.body]).toEqual([200, '200000']);
        answered++;
        if (answer.headers.connection === 'close') break;
      }
      agent.destroy();
    });
    await until('traffic flows', () => answered > 64);
    const exited = proxy.stop();
    await Promise.all(loops);
    expect(await exited).toBe(0);
    await expect(fetchOnce({ port })).rejects.toThrow('ECONNREFUSED');
  });

  it('in the middle of answers: they come whole', async () => {
    const held: http.ServerResponse[] = [];
    const { port, proxy } = await start((request, response) => {
      if (request.url === '/probe') {
        response.end();
        return;
      }
      response.write(piece);
      held.push(response);
    });
    const answers = Array.from({ length: 16 }, () => fetchOnce({ port }));
    await until('all have begun', () => held.length === 16);
    const exited = proxy.stop();
    await until('no more connections are taken', () =>
      fetchOnce({ port, path: '/probe' }).then(
        () => false,
        (error: NodeJS.ErrnoException) => error.code === 'ECONNREFUSED',
      ),
    );
    for (const response of held) response.end(piece);
    for (const { status, body } of await Promise.all(answers)) {
      expect([status, body.length]).toEqual([200, 2 * piece.length]);
    }
    expect(await exited).toBe(0);
  });
});
