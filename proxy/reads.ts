import type { Socket } from 'node:net';
import { Readable } from 'node:stream';

const READ_BYTES = 64 * 1024;
const SLAB_BYTES = 128 * 1024;

/** One is read from at a time, and what came is taken out before the next. */
const read = Buffer.allocUnsafeSlow(READ_BYTES);
let slab: Buffer = Buffer.alloc(0);
let used = 0;

/**
 * How a socket reads (`onread` of `net.Socket`): into one buffer for all of them, and out of it
 * into a slab that many share. By itself node makes 64 KiB for each read and gives back what was
 * not filled, which costs more than to copy what usually comes.
 */
export function readsInto(socketOf: () => Socket) {
  return { buffer: read, callback: (bytes: number): boolean => socketOf().push(copied(bytes)) };
}

/**
 * What the socket reads goes to whoever listens at once, unless something waits before it. Node's
 * own `push` does the same, and after every piece looks in a turn of its own whether to read on:
 * a socket reads on by itself until it is told not to.
 */
export function readsAtOnce<S extends Socket>(socket: S): S {
  socket.push = pushAtOnce;
  return socket;
}

const { push } = Readable.prototype;

function pushAtOnce(this: Socket, chunk: Buffer | null): boolean {
  if (chunk === null || this.readableFlowing !== true || this.readableLength > 0) {
    return push.call(this, chunk);
  }
  this.emit('data', chunk);
  return true;
}

function copied(bytes: number): Buffer {
  if (used + bytes > slab.length) {
    slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
    used = 0;
  }
  read.copy(slab, used, 0, bytes);
  used += bytes;
  return slab.subarray(used - bytes, used);
}
