import type { Socket } from 'node:net';
import { type Wheel, WheelTimer } from '../wheel.ts';

const LINGER_MS = 2_000;
const LINGER_BYTES_MAX = 1024 * 1024;

/**
 * Says why and closes. A socket that is closed with bytes unread is reset, and what was said with
 * it: what still comes is dropped for a while.
 */
export function sayAndClose(socket: Socket, bytes: string | Buffer, wheel: Wheel): void {
  const timer = new WheelTimer(() => socket.destroy());
  let dropped = 0;
  wheel.set(timer, LINGER_MS);
  socket.once('close', () => wheel.clear(timer));
  socket.on('data', (chunk: Buffer) => {
    dropped += chunk.length;
    if (dropped > LINGER_BYTES_MAX) socket.destroy();
  });
  socket.end(bytes);
  socket.resume();
}
