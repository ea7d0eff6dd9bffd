import { type BoundSocket, Socket } from 'node:net';
import { Readable } from 'node:stream';
import { readsAtOnce, readsInto } from '../reads.ts';
import { LIMITS } from './limits.ts';

// The one of streams, which knows nothing of handles.
const pauseOf = Readable.prototype.pause as (this: Socket) => Socket;

interface Handle {
  reading: boolean;
  readStop: () => void;
}

/**
 * The same connection on a socket that reads as `readsInto` has it. A server of node makes its
 * sockets itself and takes no `onread` for them, so the handle moves to one of ours, in the same
 * turn, before anything is read. The socket that was accepted ends with nothing.
 */
export function readingWell(accepted: Socket): Socket {
  const holder = accepted as unknown as { _handle: Handle | null };
  const handle = holder._handle;
  // It broke before it was accepted.
  if (handle === null) return accepted;
  holder._handle = null;
  handle.readStop();
  handle.reading = false;
  const options = {
    // Node's own server passes the handle of a connection here, too; the types know another use.
    handle: handle as unknown as BoundSocket,
    allowHalfOpen: true,
    highWaterMark: LIMITS.bufferBytes,
    onread: readsInto(() => socket),
  };
  const socket: Socket = readsAtOnce(new Socket(options));
  // Paused, it reads until its buffer is full, as other sockets do: that a client left shows then.
  socket.pause = pauseOf;
  accepted.destroy();
  return socket;
}
