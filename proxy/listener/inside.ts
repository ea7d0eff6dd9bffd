import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

const outsides = new WeakMap<Socket, Socket>();

/** Remembers the TCP connection below the inside of a TLS connection. */
export function noteOutside(inside: TLSSocket, outside: Socket): void {
  outsides.set(inside, outside);
}

/**
 * Breaks a connection off so that its end never looks like one in order: by a reset, or by TLS that
 * ends without saying so.
 */
export function resetConnection(socket: Socket): void {
  const outside = outsides.get(socket) ?? socket;
  // Node cannot reset a socket whose end is on its way: that would never close.
  const isEnding = outside.writableEnded && !outside.writableFinished;
  // Of sockets those of TLS have it; to ask for their class would load it.
  if (isEnding || 'encrypted' in outside) outside.destroy();
  else if (!outside.destroyed) outside.resetAndDestroy();
}
