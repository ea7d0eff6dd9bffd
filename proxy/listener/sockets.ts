import { BoundSocket } from 'node:net';
import type { ListenHandle } from './server.ts';

/** A bound socket, or in one sentence why there is none. */
export type Acquired = { ok: true; handle: ListenHandle } | { ok: false; message: string };

/**
 * Where bound sockets come from: this process itself, or the supervisor that holds them so that a
 * worker's death closes none.
 */
export interface SocketSource {
  /** Others accept on the same socket, so that what this process does not take is theirs. */
  readonly isShared: boolean;
  acquire(address: string, port: number): Promise<Acquired>;
  /** This process does not accept there any longer. */
  release(address: string, port: number): void;
}

export function bindSocket(
  address: string,
  port: number,
): { ok: true; socket: BoundSocket } | { ok: false; message: string } {
  try {
    return { ok: true, socket: new BoundSocket({ host: address, port }) };
  } catch (error) {
    return { ok: false, message: bindProblem(error, address, port) };
  }
}

export const localSockets: SocketSource = {
  isShared: false,
  acquire: async (address, port) => {
    const bound = bindSocket(address, port);
    return bound.ok ? { ok: true, handle: bound.socket } : bound;
  },
  release: () => undefined,
};

/** One sentence for a person of why an address cannot be listened on. */
export function bindProblem(error: unknown, address: string, port: number): string {
  const where = `${address.includes(':') ? `[${address}]` : address}:${port}`;
  const { code } = error as NodeJS.ErrnoException;
  switch (code) {
    case 'EADDRINUSE':
      return `cannot listen on ${where}: another program uses it`;
    case 'EACCES':
      return `cannot listen on ${where}: this user may not use ports below 1024`;
    case 'EADDRNOTAVAIL':
      return `cannot listen on ${where}: this machine does not have that address`;
    case 'ERR_INVALID_ARG_VALUE':
      return `cannot listen on ${where}: it is not an IP address`;
    default:
      return `cannot listen on ${where}: ${error instanceof Error ? error.message : String(error)}`;
  }
}
