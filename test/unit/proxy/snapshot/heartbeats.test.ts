import type { Heartbeat } from '#contracts/events.ts';
import type { ProxyGrant } from '#contracts/signing.ts';
import { FakeClock } from '#platform/clock.ts';
import { decodeJson } from '#platform/message.ts';
import { type HeartbeatOptions, Heartbeats } from '#proxy/snapshot/heartbeats.ts';
import { expect, test } from 'vitest';

const GRANT: ProxyGrant = {
  ...{ mesh: 'm', proxy: 'r1', service: 'shop/reviews', cidrs: ['10.0.0.0/8'] },
  signature: { key: '0123456789abcdef', value: 'x' },
};

function start(more: Partial<HeartbeatOptions> = {}) {
  const clock = new FakeClock();
  const sent: Heartbeat[] = [];
  const connection = {
    isClosed: () => false,
    publish: (_subject: string, data: Uint8Array) =>
      sent.push(decodeJson(data) as unknown as Heartbeat),
  } as unknown as HeartbeatOptions['connection'];
  const beats = new Heartbeats({
    ...{ connection, clock, workers: 1, up: () => true, served: () => undefined },
    identity: {
      ...{ mesh: 'm', proxy: 'r1', instance: 'a', role: 'sidecar', workload: 'shop/reviews' },
      ...{ zone: '', labels: {} },
    },
    announces: () => ({ service: 'shop/reviews', address: '10.0.0.1', port: 9000 }),
    head: () => undefined,
    ...more,
  });
  beats.start();
  return { clock, sent, beats };
}

test('every heartbeat shows the grant of its credential, the goodbye too', () => {
  const { clock, sent, beats } = start({ grant: GRANT });
  clock.advance(10_000);
  beats.goodbye();
  expect(sent.map(({ state, grant }) => [state, grant])).toEqual([
    ...Array.from({ length: 3 }, () => ['up', GRANT]),
    ['goodbye', GRANT],
  ]);
});

test('without a credential there is none; a drain announces nothing from then on', () => {
  const { clock, sent, beats } = start();
  beats.draining();
  clock.advance(5_000);
  expect(sent.map(({ state, announces, grant }) => [state, announces?.port, grant])).toEqual([
    ['up', 9000, undefined],
    ['draining', undefined, undefined],
    ['draining', undefined, undefined],
  ]);
});
