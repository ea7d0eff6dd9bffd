import { Socket } from 'node:net';
import { type BindFailure, bindSocket } from '../listener/sockets.ts';

interface Held {
  /** Adopts the bound descriptor and never connects or reads: it only keeps it open. */
  keeper: Socket;
  users: Set<number>;
}

/**
 * The listening sockets of all workers. They are bound here and stay open here, so that connections
 * that wait in a socket's queue survive any worker's death; workers accept on copies.
 */
export class HeldSockets {
  readonly #held = new Map<string, Held>();

  /** The native handle to send to a worker, or why there is none. */
  acquire(
    worker: number,
    address: string,
    port: number,
  ): { ok: true; handle: Socket } | { ok: false; failure: BindFailure } {
    const key = `${address} ${port}`;
    let held = this.#held.get(key);
    if (held === undefined) {
      const bound = bindSocket(address, port);
      if (!bound.ok) return bound;
      held = { keeper: new Socket({ handle: bound.socket }), users: new Set() };
      this.#held.set(key, held);
    }
    held.users.add(worker);
    return { ok: true, handle: nativeHandle(held.keeper) };
  }

  release(worker: number, address: string, port: number): void {
    const key = `${address} ${port}`;
    const held = this.#held.get(key);
    if (held?.users.delete(worker) === true && held.users.size === 0) this.#close(key, held);
  }

  /** A dead worker's sockets stay open for the one that replaces it. */
  abandon(worker: number): void {
    for (const held of this.#held.values()) held.users.delete(worker);
  }

  /** Closes what no worker asked for; for when all of them serve the newest state. */
  closeUnused(): void {
    for (const [key, held] of this.#held) if (held.users.size === 0) this.#close(key, held);
  }

  closeAll(): void {
    for (const [key, held] of this.#held) this.#close(key, held);
  }

  #close(key: string, held: Held): void {
    this.#held.delete(key);
    held.keeper.destroy();
  }
}

/**
 * A channel passes a net.Socket with its stream state, and a BoundSocket by moving it away. Only
 * the native handle below them is copied, which is what several workers accepting on one socket
 * need; node:cluster passes the same.
 */
function nativeHandle(socket: Socket): Socket {
  const handle = (socket as unknown as { _handle?: Socket | null })._handle;
  if (handle === undefined || handle === null) throw new Error('a held socket has no handle');
  return handle;
}
