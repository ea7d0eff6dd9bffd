import { type Log, sentenceOf } from '#platform/log.ts';
import { LIMITS } from './limits.ts';
import type { Arrival } from './intake.ts';
import { ListenerServer, type ServerHandlers } from './server.ts';
import { type PortSettings, defaultPort } from './settings.ts';
import { type Acquired, type BindFailure, type SocketSource, bindFailure } from './sockets.ts';

/** A socket that has to be open. `arrival.socket` is unique among all needs. */
export interface SocketNeed {
  arrival: Arrival;
  address: string;
  port: number;
  /** Undefined: the defaults of its direction. */
  settings?: PortSettings | undefined;
}

export interface SocketFailure extends BindFailure {
  need: SocketNeed;
}

interface OpenSocket {
  need: SocketNeed;
  server: ListenerServer;
}

/** What bound sockets and native handles have in common; node's types are silent on the latter. */
interface Closable {
  close?: () => void;
}

/** Sockets that are bound and do not accept yet. */
interface PreparedSockets {
  wanted: ReadonlyMap<string, SocketNeed>;
  doubled: readonly SocketFailure[];
  acquired: readonly (readonly [SocketNeed, Acquired])[];
}

const NOTHING_PREPARED: PreparedSockets = { wanted: new Map(), doubled: [], acquired: [] };

/**
 * The sockets on which this process accepts. An update opens what is new and drains what is gone;
 * everything else is not touched.
 */
export class Listeners {
  readonly #source: SocketSource;
  readonly #handlers: ServerHandlers;
  readonly #log: Log;
  readonly #open = new Map<string, OpenSocket>();
  #prepared: PreparedSockets = NOTHING_PREPARED;
  /** Servers that no longer accept and whose connections are ending. */
  readonly #leaving = new Map<ListenerServer, Promise<void>>();
  #accepting = true;

  constructor(source: SocketSource, handlers: ServerHandlers, log: Log) {
    this.#source = source;
    this.#handlers = handlers;
    this.#log = log;
  }

  /**
   * Brings the open sockets to `needs`. New ones are bound first, then `swap` runs, then they
   * accept, so that no request meets a table that does not know its listener. Returns what could
   * not be opened; asking again later tries again.
   */
  async update(needs: readonly SocketNeed[], swap: () => void): Promise<SocketFailure[]> {
    await this.prepare(needs);
    return this.commit(swap);
  }

  /**
   * Binds the sockets of `needs` that are not open, and lets go of what was bound for other needs
   * and not committed. Returns what cannot be bound, unless the commit itself makes room for it.
   */
  async prepare(needs: readonly SocketNeed[]): Promise<SocketFailure[]> {
    for (const [need, got] of this.#prepared.acquired) this.#letGo(need, got);
    this.#prepared = NOTHING_PREPARED;
    const { wanted, doubled } = apart(needs);
    const missing = [...wanted.values()].filter((need) => {
      const open = this.#open.get(need.arrival.socket)?.need;
      return open === undefined || open.address !== need.address || open.port !== need.port;
    });
    const acquired = await Promise.all(
      missing.map(async (need): Promise<[SocketNeed, Acquired]> => [
        need,
        await this.#source.acquire(need.address, need.port),
      ]),
    );
    this.#prepared = { wanted, doubled, acquired };
    const leaving = new Set(this.#gone(wanted).map(({ need }) => need.port));
    const failures = acquired.flatMap(([need, got]) => failuresOf(need, got));
    return [...doubled, ...failures.filter(({ need }) => !leaving.has(need.port))];
  }

  /** Goes over to what was prepared; returns what could not be opened. */
  async commit(swap: () => void): Promise<SocketFailure[]> {
    const { wanted, doubled, acquired } = this.#prepared;
    this.#prepared = NOTHING_PREPARED;
    const gone = this.#gone(wanted);
    swap();
    // In one step with the tables: no request is read by one revision and decided by another.
    for (const [socket, { server }] of this.#open) {
      const need = wanted.get(socket);
      if (need !== undefined) server.settings = settingsOf(need);
    }
    for (const open of gone) this.#close(open);
    const results = await Promise.all(acquired.map(([need, got]) => this.#listen(need, got)));
    return [...doubled, ...results.filter((result) => result !== undefined)];
  }

  /** Whether a socket can be bound now; it is not kept. */
  async canBind(need: SocketNeed): Promise<boolean> {
    const got = await this.#source.acquire(need.address, need.port);
    this.#letGo(need, got);
    return got.ok;
  }

  /**
   * Pauses or goes on with accepting, everywhere and for as long as is wanted. False: not every
   * socket has come back; to be asked again. Not to be called during an update.
   */
  async accept(accepting: boolean): Promise<boolean> {
    this.#accepting = accepting;
    const { isShared } = this.#source;
    const done = await Promise.all(
      [...this.#open.values()].map(async (open) => {
        if (accepting) return this.#resume(open);
        open.server.pause(isShared);
        return true;
      }),
    );
    return done.every(Boolean);
  }

  /** Stops accepting everywhere, lets requests end, and resolves when none is left. */
  async drain(limitMs: number = LIMITS.drainMs): Promise<void> {
    for (const open of this.#open.values()) this.#close(open, limitMs);
    await Promise.all(this.#leaving.values());
  }

  get connections(): number {
    let sum = 0;
    for (const { server } of this.#open.values()) sum += server.connections;
    for (const server of this.#leaving.keys()) sum += server.connections;
    return sum;
  }

  get turnedAway(): number {
    let sum = 0;
    for (const { server } of this.#open.values()) sum += server.turnedAway;
    return sum;
  }

  #gone(wanted: ReadonlyMap<string, SocketNeed>): OpenSocket[] {
    return [...this.#open.values()].filter(({ need }) => {
      const now = wanted.get(need.arrival.socket);
      return now === undefined || now.address !== need.address || now.port !== need.port;
    });
  }

  #letGo(need: SocketNeed, got: Acquired): void {
    if (!got.ok) return;
    (got.handle as Closable).close?.();
    this.#source.release(need.address, need.port);
  }

  async #listen(need: SocketNeed, acquired: Acquired): Promise<SocketFailure | undefined> {
    if (!acquired.ok) return failuresOf(need, acquired)[0];
    const server = new ListenerServer(need.arrival, this.#handlers, settingsOf(need));
    try {
      await server.listen(acquired.handle);
    } catch (error) {
      this.#source.release(need.address, need.port);
      return { need, ...bindFailure(error, need.address, need.port) };
    }
    this.#open.set(need.arrival.socket, { need, server });
    if (!this.#accepting) server.pause(this.#source.isShared);
    this.#log.info({ address: need.address, port: need.port }, 'listening');
    return undefined;
  }

  async #resume({ need, server }: OpenSocket): Promise<boolean> {
    if (server.isListening) {
      await server.resume(undefined);
      return true;
    }
    const acquired = await this.#source.acquire(need.address, need.port);
    try {
      if (!acquired.ok) throw new Error(acquired.failure.message);
      await server.resume(acquired.handle);
      return true;
    } catch (error) {
      this.#log.warn({ error: sentenceOf(error) }, 'accepting cannot go on yet');
      return false;
    }
  }

  #close({ need, server }: OpenSocket, limitMs: number = LIMITS.drainMs): void {
    this.#open.delete(need.arrival.socket);
    server.stopAccepting();
    this.#source.release(need.address, need.port);
    const ended = server.drained(limitMs).finally(() => this.#leaving.delete(server));
    this.#leaving.set(server, ended);
    this.#log.info({ address: need.address, port: need.port }, 'no longer listening');
  }
}

function failuresOf(need: SocketNeed, got: Acquired): SocketFailure[] {
  return got.ok ? [] : [{ need, ...got.failure }];
}

function settingsOf({ settings, arrival }: SocketNeed): PortSettings {
  return settings ?? defaultPort(arrival.direction);
}

/**
 * One address and port is one way in: where two needs name the same, the first has it. Otherwise a
 * socket that workers share would take a request for either of them, by chance.
 */
function apart(needs: readonly SocketNeed[]): {
  wanted: Map<string, SocketNeed>;
  doubled: SocketFailure[];
} {
  const byPlace = new Map<string, SocketNeed>();
  const doubled: SocketFailure[] = [];
  for (const need of needs) {
    const place = `${need.address} ${need.port}`;
    const first = byPlace.get(place);
    if (first === undefined) byPlace.set(place, need);
    else {
      const { direction } = first.arrival;
      const where = `${need.address}:${need.port}`;
      const message = `cannot listen on ${where}: ${direction} of this proxy does`;
      doubled.push({ need, message, isAddress: false });
    }
  }
  const wanted = new Map([...byPlace.values()].map((need) => [need.arrival.socket, need]));
  return { wanted, doubled };
}
