import type { Socket } from 'node:net';

interface Connection {
  address: string;
  /** Requests whose response is not finished. */
  active: number;
}

export interface ConnectionLimits {
  readonly connections: number;
  readonly connectionsPerAddress: number;
}

/**
 * The connections of one listener, oldest-idle first. When it is full the one that has been idle
 * longest makes room; when none is idle the newcomer is turned away. A limit that was lowered is
 * reached with the next newcomer, by those that are idle.
 */
export class Connections {
  readonly #open = new Map<Socket, Connection>();
  readonly #perAddress = new Map<string, number>();
  readonly #limits: () => ConnectionLimits;
  turnedAway = 0;

  constructor(limits: () => ConnectionLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#open.size;
  }

  /** False: there is no room, and the socket was destroyed. `isLast`: none may come behind it. */
  admit(socket: Socket, isLast = false): boolean {
    const address = socket.remoteAddress ?? '';
    const { connections, connectionsPerAddress } = this.#limits();
    const isFull = (): boolean => this.#open.size >= connections;
    const isFullFor = (): boolean => (this.#perAddress.get(address) ?? 0) >= connectionsPerAddress;
    const hasRoom =
      this.#makeRoom(isFullFor, address) &&
      this.#makeRoom(isFull, undefined) &&
      (!isLast || this.#evict(undefined));
    if (!hasRoom) {
      this.turnAway(socket);
      return false;
    }
    this.#open.set(socket, { address, active: 0 });
    this.#perAddress.set(address, (this.#perAddress.get(address) ?? 0) + 1);
    socket.once('close', () => this.#forget(socket));
    return true;
  }

  turnAway(socket: Socket): void {
    this.turnedAway++;
    socket.destroy();
  }

  /** The connection goes by another socket from here on: the inside of its TLS. */
  replace(before: Socket, after: Socket): void {
    const connection = this.#open.get(before);
    if (connection === undefined) return;
    this.#open.delete(before);
    this.#open.set(after, connection);
    after.once('close', () => this.#forget(after));
  }

  begin(socket: Socket): void {
    const connection = this.#open.get(socket);
    if (connection !== undefined) connection.active++;
  }

  end(socket: Socket): void {
    const connection = this.#open.get(socket);
    if (connection === undefined) return;
    connection.active--;
    // To the end of the order: it has become idle just now.
    this.#open.delete(socket);
    this.#open.set(socket, connection);
  }

  closeIdle(): void {
    for (const [socket, connection] of this.#open) {
      if (connection.active === 0) socket.destroy();
    }
  }

  closeAll(): void {
    for (const socket of this.#open.keys()) socket.destroy();
  }

  /** Of one address, or of all; false: those that are there are all in use. */
  #makeRoom(isFull: () => boolean, address: string | undefined): boolean {
    while (isFull()) if (!this.#evict(address)) return false;
    return true;
  }

  #evict(address: string | undefined): boolean {
    for (const [socket, connection] of this.#open) {
      if (connection.active > 0) continue;
      if (address !== undefined && connection.address !== address) continue;
      this.#forget(socket);
      socket.destroy();
      return true;
    }
    return false;
  }

  #forget(socket: Socket): void {
    const connection = this.#open.get(socket);
    if (connection === undefined) return;
    this.#open.delete(socket);
    const left = (this.#perAddress.get(connection.address) ?? 1) - 1;
    if (left === 0) this.#perAddress.delete(connection.address);
    else this.#perAddress.set(connection.address, left);
  }
}
