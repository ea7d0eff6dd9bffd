import { createLog } from '#platform/log.ts';
import { gatewaySockets } from '#proxy/gateway.ts';
import { FakeClock } from '#platform/clock.ts';
import { Wheel } from '#proxy/wheel.ts';
import { Listeners } from '#proxy/listener/listeners.ts';
import { localSockets } from '#proxy/listener/sockets.ts';
import { servedListeners } from '#proxy/scope.ts';
import { freePort } from '#test/parts.ts';
import { expect, it, onTestFinished } from 'vitest';
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
    { arrival: { direction: 'edge', socket: '127.0.0.1:80' }, address: '127.0.0.1', port: 80 },
  ]);
  expect(servedListeners(world.snapshot, SCOPE).map(({ sockets }) => sockets)).toEqual([
    ...[['127.0.0.1:80'], ['127.0.0.1:80']],
  ]);
});

it('two ways in at one address and port: the first has it, the second says so', async () => {
  const port = await freePort();
  const clock = new FakeClock();
  const wheel = new Wheel(clock);
  const handlers = { clock, wheel, request: () => undefined, unreadable: () => undefined };
  const log = createLog({ service: 'test', level: 'silent' });
  const listeners = new Listeners(localSockets, handlers, log);
  onTestFinished(() => listeners.drain(0));
  const at = { address: '127.0.0.1', port };
  const inbound = { arrival: { direction: 'inbound', socket: 'inbound' } as const, ...at };
  const edge = { arrival: { direction: 'edge', socket: `127.0.0.1:${port}` } as const, ...at };
  const failures = await listeners.update([inbound, edge], () => undefined);
  expect(failures).toEqual([
    { need: edge, message: `cannot listen on 127.0.0.1:${port}: inbound of this proxy does` },
  ]);
  expect(await listeners.update([edge], () => undefined)).toMatchObject([{ need: edge }]);
  expect(await listeners.update([edge], () => undefined)).toEqual([]);
});
