import { BoundSocket } from 'node:net';
import type { ListenHandle } from './server.ts';

/** Why there is no socket. */
export interface BindFailure {
  /** One sentence for a person. */
  message: string;
  /** Not the port is the trouble: the machine has no such address. */
  isAddress: boolean;
}

/** A bound socket, or why there is none. */
export type Acquired = { ok: true; handle: ListenHandle } | { ok: false; failure: BindFailure };

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
): { ok: true; socket: BoundSocket } | { ok: false; failure: BindFailure } {
  try {
    return { ok: true, socket: new BoundSocket({ host: address, port }) };
  } catch (error) {
    return { ok: false, failure: bindFailure(error, address, port) };
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

export function bindFailure(error: unknown, address: string, port: number): BindFailure {
  const isAddress = (error as NodeJS.ErrnoException).code === 'EADDRNOTAVAIL';
  return { message: bindProblem(error, address, port), isAddress };
}

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
