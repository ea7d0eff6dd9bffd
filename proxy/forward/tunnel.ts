import type { Duplex } from 'node:stream';
import type { Exchange } from '../exchange.ts';
import { type Wheel, WheelTimer } from '../wheel.ts';

export interface TunnelEnd {
  /** The side that broke the tunnel; undefined: both ended in order. */
  brokenBy: 'client' | 'upstream' | 'idle' | undefined;
}

const REASON_OF = {
  client: 'client_closed',
  upstream: 'upstream_aborted',
  idle: 'upstream_timeout',
} as const;

export interface TunnelSides {
  client: Duplex;
  upstream: Duplex;
  /** Nothing moves for so long: it is closed. */
  idleMs: number;
  wheel: Wheel;
  count: (direction: 'in' | 'out', bytes: number) => void;
  /** What becomes of a side when the other broke; absent: it is closed. */
  breakOff?: (side: Duplex) => void;
  over: (end: TunnelEnd) => void;
}

/** Bytes and reason go into the exchange that led here, before `over` is called. */
export function openTunnelOf(
  exchange: Exchange,
  sides: Pick<TunnelSides, 'client' | 'upstream' | 'wheel' | 'breakOff'>,
  over: (end: TunnelEnd) => void,
): void {
  openTunnel({
    ...sides,
    idleMs: exchange.streamIdleMs,
    count: (direction, bytes) => {
      if (direction === 'in') exchange.bytesIn += bytes;
      else exchange.bytesOut += bytes;
    },
    over: (end) => {
      if (end.brokenBy !== undefined) exchange.reason = REASON_OF[end.brokenBy];
      over(end);
    },
  });
}

/**
 * Bytes both ways until both sides have ended, each at the pace of the slower. The end of one
 * direction is passed on and leaves the other open; a break breaks both.
 */
export function openTunnel(sides: TunnelSides): void {
  const { client, upstream, wheel, idleMs, count } = sides;
  let isOver = false;
  let moved = false;
  const finish = (brokenBy: TunnelEnd['brokenBy']): void => {
    if (isOver) return;
    isOver = true;
    wheel.clear(timer);
    if (brokenBy !== undefined) {
      sides.breakOff?.(client);
      sides.breakOff?.(upstream);
    }
    client.destroy();
    upstream.destroy();
    sides.over({ brokenBy });
  };
  const timer = new WheelTimer(() => {
    if (!moved) return finish('idle');
    moved = false;
    wheel.set(timer, idleMs);
  });
  const ended = new Set<Duplex>();
  const pass = (from: Duplex, to: Duplex, direction: 'in' | 'out'): void => {
    from.on('data', (bytes: Buffer) => {
      moved = true;
      count(direction, bytes.length);
      if (!to.write(bytes)) from.pause();
    });
    to.on('drain', () => from.resume());
    const end = (): void => {
      ended.add(from);
      to.end();
    };
    // It may have ended before the other side stood, with nothing left to be read.
    if (from.readableEnded) end();
    else from.once('end', end);
    from.on('error', () => finish(direction === 'in' ? 'client' : 'upstream'));
    from.once('close', () => {
      const breaker = direction === 'in' ? 'client' : 'upstream';
      if (!ended.has(from)) finish(breaker);
      else if (to.destroyed) finish(ended.size === 2 ? undefined : breaker);
      // It ended in order: what it sent is still on its way, and a destroyed side would lose it.
      else if (ended.size < 2) to.once('finish', () => setImmediate(finish, breaker));
    });
  };
  pass(client, upstream, 'in');
  pass(upstream, client, 'out');
  wheel.set(timer, idleMs);
  client.resume();
  upstream.resume();
}
