import { BoundSocket, type Socket, connect } from 'node:net';
import { createLog } from '#platform/log.ts';
import { gatewaySockets } from '#proxy/gateway.ts';
import { HeaderList } from '#proxy/headers.ts';
import { FakeClock } from '#platform/clock.ts';
import type { ReceivedRequest } from '#proxy/listener/received-request.ts';
import { Wheel } from '#proxy/wheel.ts';
import { Listeners } from '#proxy/listener/listeners.ts';
import { LISTENER_DEFAULT, type PortSettings } from '#proxy/listener/settings.ts';
import { type SocketSource, localSockets } from '#proxy/listener/sockets.ts';
import { servedListeners } from '#proxy/scope.ts';
import { freePort } from '#test/parts.ts';
import { until } from '#test/processes.ts';
import { expect, it, onTestFinished, vi } from 'vitest';
import { World, gateway } from '../support/world.ts';

const SCOPE = {
  role: 'gateway',
  proxy: 'p',
  gateways: undefined,
  service: undefined,
  workers: 1,
  defaultAddress: '127.0.0.1',
} as const;

it('a Gateway on the default address and one that names it share one socket', () => {
  const world = new World(
    gateway('anywhere', [{ hostname: 'a.example' }]),
    gateway('named', [{ hostname: 'b.example' }], { addresses: [{ value: '127.0.0.1' }] }),
  );
  expect(world.findings).toEqual([]);
  expect(gatewaySockets(world.snapshot, SCOPE)).toEqual([
    {
      arrival: { direction: 'edge', socket: '127.0.0.1:80' },
      ...{ address: '127.0.0.1', port: 80 },
      settings: { limits: LISTENER_DEFAULT.limits, rulesOf: expect.any(Function) },
    },
  ]);
  expect(servedListeners(world.snapshot, SCOPE).map(({ sockets }) => sockets)).toEqual([
    ...[['127.0.0.1:80'], ['127.0.0.1:80']],
  ]);
});

function open(source: SocketSource): Listeners {
  const clock = new FakeClock();
  const wheel = new Wheel(clock);
  const nothing = (): void => undefined;
  const handlers = { clock, wheel, request: nothing, left: nothing, unreadable: nothing };
  const log = createLog({ service: 'test', level: 'silent' });
  const listeners = new Listeners(source, handlers, log);
  onTestFinished(() => listeners.drain(0));
  return listeners;
}

it('two ways in at one address and port: the first has it, the second says so', async () => {
  const port = await freePort();
  const listeners = open(localSockets);
  const at = { address: '127.0.0.1', port };
  const inbound = { arrival: { direction: 'inbound', socket: 'inbound' } as const, ...at };
  const edge = { arrival: { direction: 'edge', socket: `127.0.0.1:${port}` } as const, ...at };
  const failures = await listeners.update([inbound, edge], () => undefined);
  expect(failures).toEqual([
    {
      ...{ need: edge, isAddress: false },
      message: `cannot listen on 127.0.0.1:${port}: inbound of this proxy does`,
    },
  ]);
  expect(await listeners.update([edge], () => undefined)).toMatchObject([{ need: edge }]);
  expect(await listeners.update([edge], () => undefined)).toEqual([]);
});

const needAt = (port: number) => ({
  arrival: { direction: 'edge', socket: `:${port}` } as const,
  ...{ address: '127.0.0.1', port },
});

/** Hands out sockets and counts those that nobody let go of. */
function counting(): SocketSource & { held: Set<string> } {
  const held = new Set<string>();
  return {
    held,
    isShared: false,
    acquire: async (address, port) => {
      const got = await localSockets.acquire(address, port);
      if (got.ok) held.add(`${address} ${port}`);
      return got;
    },
    release: (address, port) => void held.delete(`${address} ${port}`),
  };
}

it('what is prepared and not committed is let go of', async () => {
  const [one, two] = [await freePort(), await freePort()];
  const source = counting();
  const listeners = open(source);
  expect(await listeners.prepare([needAt(one)])).toEqual([]);
  expect(await listeners.prepare([needAt(two)])).toEqual([]);
  expect([...source.held]).toEqual([`127.0.0.1 ${two}`]);
  expect(await listeners.canBind(needAt(one))).toBe(true);
  expect(await listeners.commit(() => undefined)).toEqual([]);
  expect([...source.held]).toEqual([`127.0.0.1 ${two}`]);
  expect(await listeners.canBind(needAt(two))).toBe(false);
});

it('a port that the commit itself gives up is no reason against it', async () => {
  const port = await freePort();
  const listeners = open(localSockets);
  await listeners.update([needAt(port)], () => undefined);
  const everywhere = {
    ...needAt(port),
    ...{ address: '0.0.0.0', arrival: { direction: 'edge', socket: 'everywhere' } as const },
  };
  expect(await listeners.prepare([everywhere, needAt(port)])).toMatchObject([{ need: everywhere }]);
  expect(await listeners.prepare([everywhere])).toEqual([]);
  // What the commit could not open yet is asked for again, as always.
  await listeners.commit(() => undefined);
  await until('it is open', async () => {
    return (await listeners.update([everywhere], () => undefined)).length === 0;
  });
});

async function dial(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => socket.destroy());
  onTestFinished(() => void socket.destroy());
  await new Promise<void>((resolve) => {
    socket.once('connect', resolve).once('close', () => resolve());
  });
  return socket;
}

it('paused and alone: who comes is turned away, who is in stays', async () => {
  const port = await freePort();
  const listeners = open(localSockets);
  await listeners.update([needAt(port)], () => undefined);
  const first = await dial(port);
  await until('it is in', () => listeners.connections === 1);
  expect(await listeners.accept(false)).toBe(true);
  const second = await dial(port);
  await until('it is turned away', () => second.destroyed);
  expect([listeners.turnedAway, listeners.connections, first.destroyed]).toEqual([1, 1, false]);
  expect(await listeners.accept(true)).toBe(true);
  await dial(port);
  await until('it is let in', () => listeners.connections === 2);
});

it('paused beside others: the socket is let go, and asked for until it comes back', async () => {
  const [one, two] = [await freePort(), await freePort()];
  let canAcquire = true;
  const source: SocketSource = {
    isShared: true,
    acquire: async (host, port) =>
      canAcquire
        ? { ok: true, handle: new BoundSocket({ host, port }) }
        : { ok: false, failure: { message: 'not now', isAddress: false } },
    release: () => undefined,
  };
  const listeners = open(source);
  await listeners.update([needAt(one)], () => undefined);
  const first = await dial(one);
  await until('it is in', () => listeners.connections === 1);
  expect(await listeners.accept(false)).toBe(true);
  // What an update opens meanwhile is paused, too.
  expect(await listeners.update([needAt(one), needAt(two)], () => undefined)).toEqual([]);
  expect((await dial(one)).destroyed).toBe(true);
  expect((await dial(two)).destroyed).toBe(true);
  canAcquire = false;
  expect(await listeners.accept(true)).toBe(false);
  canAcquire = true;
  expect(await listeners.accept(true)).toBe(true);
  await dial(one);
  await dial(two);
  await until('both are let in', () => listeners.connections === 3);
  expect([first.destroyed, listeners.turnedAway]).toEqual([false, 0]);
});

it('a change of settings reaches the next request of an open connection, which stays', async () => {
  const port = await freePort();
  const clock = new FakeClock();
  const seen: ReceivedRequest[] = [];
  const handlers = {
    ...{ clock, wheel: new Wheel(clock), left: () => undefined, unreadable: () => undefined },
    request: (_arrival: unknown, request: ReceivedRequest) => {
      seen.push(request);
      const headers = HeaderList.fromRaw(['content-length', '0']);
      request.stream.head({ status: 204, headers, length: 0, close: false });
      request.stream.finish(undefined);
    },
  };
  const log = createLog({ service: 'test', level: 'silent' });
  const listeners = new Listeners(localSockets, handlers, log);
  onTestFinished(() => listeners.drain(0));
  const settingsOf = (escapedSlash: 'Keep' | 'Decode'): PortSettings => {
    const rules = { ...LISTENER_DEFAULT.rules, escapedSlash };
    return { limits: LISTENER_DEFAULT.limits, rulesOf: () => rules };
  };
  const arrival = { direction: 'edge', socket: `127.0.0.1:${port}` } as const;
  const need = { arrival, address: '127.0.0.1', port };
  await listeners.update([{ ...need, settings: settingsOf('Keep') }], () => undefined);
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => {
    socket.destroy();
  });
  const ask = async (): Promise<unknown> => {
    const count = seen.length;
    socket.write('GET /a%2Fb HTTP/1.1\r\nHost: a.example\r\n\r\n');
    await vi.waitFor(() => expect(seen.length).toBe(count + 1), { timeout: 5_000 });
    const head = seen.at(-1)?.head;
    return head?.ok === true ? head.value.path : head;
  };
  expect(await ask()).toBe('/a%2Fb');
  await listeners.update([{ ...need, settings: settingsOf('Decode') }], () => undefined);
  expect(await ask()).toBe('/a/b');
  expect([listeners.connections, socket.destroyed]).toEqual([1, false]);
  await listeners.update([need], () => undefined);
  expect(await ask()).toMatchObject({ ok: false, status: 400 });
});
