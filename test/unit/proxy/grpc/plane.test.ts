import type { Exchange } from '#proxy/exchange.ts';
import { describe, expect, test } from 'vitest';
import { Plane } from '../support/plane.ts';
import { World, announced, gateway, own, route, rule, service } from '../support/world.ts';

const ENDPOINT = announced('127.0.0.1');
const CALL = { method: 'POST', hasBody: true, headers: { 'content-type': 'application/grpc' } };
const OUT = { direction: 'outbound', listener: 'outbound', host: 'app' } as const;
const IN = { direction: 'inbound', listener: 'inbound', host: 'app' } as const;

function world(ports: object[], ruleMore: object = {}, ...more: object[]): World {
  const rules = [rule('/', 'app', ruleMore)];
  return new World(gateway('edge', [{}]), service('app', ports), route('r', { rules }), ...more);
}

describe('what the port of a Service speaks', () => {
  test.each([
    ['kubernetes.io/h2c', true],
    ['grpc', true],
    ['http', false],
    ['kubernetes.io/ws', false],
    ['tcp', false],
    ['example.com/of-ours', false],
    [undefined, false],
  ])('%s is HTTP/2: %s', async (appProtocol, isHttp2) => {
    const { snapshot, findings } = world([{ port: 80, ...(appProtocol && { appProtocol }) }]);
    expect(findings).toEqual([]);
    const edge = new Plane(snapshot).announce('shop/app', ENDPOINT);
    expect((await edge.ask()).asked.isHttp2Backend).toBe(isHttp2);
    const sidecar = new Plane(snapshot, { role: 'sidecar', service: 'shop/web' });
    sidecar.announce('shop/app', ENDPOINT);
    expect((await sidecar.ask(OUT)).asked.isHttp2Backend).toBe(isHttp2);
    const app = { address: '127.0.0.1', port: 3000, proxy: '', zone: '' };
    const own = new Plane(snapshot, { role: 'sidecar', service: 'shop/app' }, { app });
    expect((await own.ask(IN)).asked.isHttp2Backend).toBe(isHttp2);
  });

  test('each port for itself', async () => {
    const ports = [
      { name: 'web', port: 80 },
      { name: 'rpc', port: 81, appProtocol: 'grpc' },
    ];
    const plane = new Plane(world(ports).snapshot, { role: 'sidecar', service: 'shop/web' });
    plane.announce('shop/app', ENDPOINT);
    const asked = [80, 81].map(async (port) => (await plane.ask({ ...OUT, port })).asked);
    const speak = (await Promise.all(asked)).map(({ isHttp2Backend }) => isHttp2Backend);
    expect(speak).toEqual([false, true]);
  });
});

describe('how long the head of a call may take', () => {
  const headMs = async (
    asked: Partial<Exchange>,
    ruleMore: object = {},
    ...more: object[]
  ): Promise<number | undefined> => {
    const plane = new Plane(world([{ port: 80 }], ruleMore, ...more).snapshot);
    plane.announce('shop/app', ENDPOINT);
    const deadline = asked.deadlineMs ?? Number.POSITIVE_INFINITY;
    await plane.ask(CALL, { ...asked, deadlineMs: plane.clock.nowMs() + deadline });
    return plane.tries[0]?.limits.headTimeoutMs;
  };

  test('as long as a stream may stand still, where nobody says anything', async () => {
    expect(await headMs({})).toBe(300_000);
  });

  test('as long as the call itself says, be it shorter or longer', async () => {
    expect(await headMs({ deadlineMs: 60_000 })).toBe(60_000);
    expect(await headMs({ deadlineMs: 600_000 })).toBe(600_000);
  });

  test('the same at the sidecar of the application, whoever calls', async () => {
    const { snapshot } = world([{ port: 80 }]);
    const app = { address: '127.0.0.1', port: 3000, proxy: '', zone: '' };
    for (const source of ['', 'unknown']) {
      const plane = new Plane(snapshot, { role: 'sidecar', service: 'shop/app' }, { app });
      await plane.ask({ ...CALL, ...IN }, { source, deadlineMs: plane.clock.nowMs() + 600_000 });
      await plane.ask({ ...CALL, ...IN }, { source });
      expect(plane.tries.map(({ limits }) => limits.headTimeoutMs)).toEqual([600_000, 300_000]);
    }
  });

  test('as long as the route says', async () => {
    expect(await headMs({}, { timeouts: { backendRequest: '2s' } })).toBe(2_000);
    expect(await headMs({}, { timeouts: { request: '20s' } })).toBe(20_000);
  });

  test('as long as the policy of the Service says', async () => {
    const policy = own('TrafficPolicy', 't', {
      targetRefs: [{ kind: 'Service', name: 'app' }],
      timeouts: { responseHead: '3s' },
    });
    expect(await headMs({}, {}, policy)).toBe(3_000);
  });
});

describe('a call of gRPC-Web', () => {
  const WEB = { ...CALL, headers: { 'content-type': 'application/grpc-web-text+proto' } };
  const app = { address: '127.0.0.1', port: 3000, proxy: '', zone: '' };
  const proxied = { ...ENDPOINT, proxy: 'app-1' };

  /** At an edge before the application and before its sidecar, at a caller's and at its own. */
  function planes(appProtocol: string): [string, Plane, object][] {
    const { snapshot } = world([{ port: 80, appProtocol }]);
    const edge = new Plane(snapshot).announce('shop/app', ENDPOINT);
    const mesh = new Plane(snapshot).announce('shop/app', proxied);
    const caller = new Plane(snapshot, { role: 'sidecar', service: 'shop/web' });
    caller.announce('shop/app', proxied);
    const callee = new Plane(snapshot, { role: 'sidecar', service: 'shop/app' }, { app });
    return [
      ['edge', edge, {}],
      ['mesh', mesh, {}],
      ['caller', caller, OUT],
      ['callee', callee, IN],
    ];
  }

  test('is one of gRPC from the first proxy on, where the application speaks HTTP/2', async () => {
    for (const [name, plane, where] of planes('grpc')) {
      const { asked } = await plane.ask({ ...WEB, ...where });
      const [tried] = plane.tries;
      const type = tried?.headers.get('content-type');
      expect([name, asked.isGrpc, type]).toEqual([name, true, 'application/grpc+proto']);
      expect([name, tried?.limits.headTimeoutMs]).toEqual([name, 300_000]);
    }
  });

  test('stays what it is where that speaks HTTP/1.1', async () => {
    for (const [name, plane, where] of planes('http')) {
      const { asked } = await plane.ask({ ...WEB, ...where });
      const type = plane.tries[0]?.headers.get('content-type');
      expect([name, asked.isGrpc, type]).toEqual([name, false, WEB.headers['content-type']]);
    }
  });
});
