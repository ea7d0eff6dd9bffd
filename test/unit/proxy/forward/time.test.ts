import { connect } from 'node:net';
import { FakeClock } from '#platform/clock.ts';
import { newExchange } from '#proxy/exchange.ts';
import { UpstreamAttempt } from '#proxy/forward/attempt.ts';
import { UpstreamPool } from '#proxy/forward/pool.ts';
import { LISTENER_DEFAULT, portOf } from '#proxy/listener/settings.ts';
import type { ClientStream } from '#proxy/stream.ts';
import { Wheel } from '#proxy/wheel.ts';
import { expect, it, onTestFinished } from 'vitest';
import { until } from '../listener/http2-frames.ts';
import { World, exchange } from '../support/world.ts';
import { startFront, startRawUpstream } from './harness.ts';

/** A pool whose connections never stand. */
class HangingPool extends UpstreamPool {
  cancelled = 0;

  override connect(): { cancel: () => void } {
    return { cancel: () => void this.cancelled++ };
  }
}

it('a connection that does not stand in time is given up, and nothing was sent', () => {
  const clock = new FakeClock();
  const wheel = new Wheel(clock);
  const pool = new HangingPool(clock, wheel);
  const asked = newExchange(exchange(new World().snapshot));
  const endpoint = { address: '127.0.0.1', port: 1, proxy: '', zone: '' };
  const limits = { connectTimeoutMs: 5_000, headTimeoutMs: 15_000 };
  const results: unknown[] = [];
  const client = { gone: false, onGone: undefined } as ClientStream;
  const attempt = new UpstreamAttempt(
    { pool, clock, wheel },
    ...([client, asked, endpoint, limits] as const),
    (result) => results.push(result),
  );
  attempt.start();
  clock.advance(4_999);
  expect([results, pool.cancelled]).toEqual([[], 0]);
  clock.advance(11);
  expect(results).toMatchObject([{ kind: 'failed', reason: 'upstream_refused', sent: false }]);
  expect([pool.cancelled, wheel.size]).toEqual([1, 0]);
});

it('a tunnel in which nothing moves is closed, one in which something does is not', async () => {
  const clock = new FakeClock();
  const endpoint = await startRawUpstream((socket) => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n');
      socket.write('Upgrade: websocket\r\n\r\nhello');
      socket.on('data', (bytes) => socket.write(bytes));
    });
  });
  const { limits, rules } = LISTENER_DEFAULT;
  const settings = portOf({ limits, rules: { ...rules, streamIdleMs: 1_000 } });
  const front = await startFront({ endpoint, clock, settings });
  const socket = connect(front.port, '127.0.0.1');
  onTestFinished(() => {
    socket.destroy();
  });
  let text = '';
  socket.on('data', (bytes) => (text += bytes.toString()));
  socket.write(
    'GET / HTTP/1.1\r\nHost: shop.example\r\nConnection: upgrade\r\nUpgrade: websocket\r\n' +
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
  );
  await until(() => text.endsWith('hello'));
  for (const word of ['one', 'two', 'three']) {
    clock.advance(990);
    socket.write(word);
    await until(() => text.endsWith(word));
  }
  expect(front.records).toEqual([]);
  clock.advance(2_020);
  await until(() => socket.destroyed || socket.readableEnded);
  await until(() => front.records.length === 1);
  expect(front.records[0]?.reason).toBe('upstream_timeout');
});
