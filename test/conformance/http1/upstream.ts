import { once } from 'node:events';
import { type Server, type Socket, createServer } from 'node:net';
import { OK, type Script, type Steps, answer } from './case.ts';
import { type Elsewhere, Pipe, within } from './pipe.ts';
import { type Read, readMessage } from './reader.ts';

/** Targets of the harness's own requests, which are answered whatever the case says. */
export const AGAIN = '/-again';
export const PROBE = '/-probe';

const HOW = { kind: 'request', bodyless: false, ended: false } as const;

/** A request of a case that has arrived, perhaps in part. */
export interface Arrived {
  connection: Connection;
  /** As much of it as is there by now. */
  read(): Read;
  /** Bytes behind it on its connection. */
  after(): string;
}

/** What one case has shown so far. */
export class Story implements Elsewhere {
  readonly arrived: Arrived[] = [];
  readonly problems: string[] = [];
  readonly again: Connection[] = [];
  readonly #scripts: readonly Script[];
  readonly barrier: () => Promise<void>;
  underWay = 0;

  constructor(upstream: Script | readonly Script[] | undefined, barrier: () => Promise<void>) {
    this.#scripts = isList(upstream) ? upstream : [upstream ?? OK];
    this.barrier = barrier;
  }

  /** Resolves when the connections that were used are closed. */
  async letGo(): Promise<void> {
    for (const { connection } of this.arrived) {
      const { pipe } = connection;
      await pipe.when('the upstream connection to close', () => pipe.closed);
    }
  }

  nextScript(): Script {
    return this.#scripts[this.arrived.length] ?? this.#scripts.at(-1) ?? OK;
  }
}

/** Scripts for several requests are an array of arrays, objects with `on`, or whole answers. */
function isList(upstream: Script | readonly Script[] | undefined): upstream is readonly Script[] {
  if (!Array.isArray(upstream) || upstream.length === 0) return false;
  return upstream.every((each) => Array.isArray(each) || isHeadScript(each as Script));
}

function isHeadScript(script: Script): script is Extract<Script, { on: 'head' }> {
  return typeof script === 'object' && 'on' in script;
}

/** A server that speaks whatever bytes the case at hand gives it. */
export class RawUpstream {
  readonly #server: Server;
  readonly connections = new Set<Connection>();
  story: Story | undefined;

  constructor() {
    // The proxy's half-close is an event of its own.
    this.#server = createServer({ allowHalfOpen: false }, (socket) => this.#accept(socket));
  }

  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    return typeof address === 'object' ? (address?.port ?? 0) : 0;
  }

  /** Ends what the case at hand left half done, so that the next finds only good connections. */
  async settle(): Promise<void> {
    for (const { isBusy, pipe } of this.connections) {
      if (isBusy) pipe.socket.destroy();
      if (isBusy || pipe.endedByUs || pipe.ended) {
        await pipe.when('the upstream connection to close', () => pipe.closed);
      }
    }
  }

  async close(): Promise<void> {
    for (const { pipe } of this.connections) pipe.socket.destroy();
    this.#server.close();
    await within('the upstream to close', once(this.#server, 'close'));
  }

  #accept(socket: Socket): void {
    const connection = new Connection(socket, this);
    this.connections.add(connection);
    socket.once('close', () => this.connections.delete(connection));
  }
}

export class Connection {
  readonly pipe: Pipe;
  readonly #upstream: RawUpstream;
  /** Where the next request begins. */
  #at = 0;
  isBusy = false;

  constructor(socket: Socket, upstream: RawUpstream) {
    this.pipe = new Pipe(socket);
    this.#upstream = upstream;
    socket.on('data', () => this.#next());
  }

  #next(): void {
    if (this.isBusy || this.pipe.text.length === this.#at) return;
    const { story } = this.#upstream;
    let read: Read | undefined;
    try {
      read = readMessage(this.pipe.text, this.#at, HOW);
    } catch (error) {
      story?.problems.push(`upstream: ${String(error)}`);
      this.pipe.socket.destroy();
      return;
    }
    if (read === undefined) return;
    const target = read.line.split(' ')[1];
    if (target === AGAIN || target === PROBE) {
      this.#at = read.end;
      if (target === AGAIN) story?.again.push(this);
      this.pipe.socket.write(answer('200 OK', [`Content-Length: ${target.length}`], target));
    } else if (story !== undefined) {
      this.isBusy = true;
      this.#serve(story).catch((error: unknown) => {
        story.problems.push(`upstream: ${error instanceof Error ? error.message : String(error)}`);
        this.pipe.socket.destroy();
      });
    }
  }

  async #serve(story: Story): Promise<void> {
    const at = this.#at;
    const { pipe } = this;
    const read = (): Read => {
      const message = readMessage(pipe.text, at, HOW);
      if (message === undefined) throw new Error('a head is gone');
      return message;
    };
    const script = story.nextScript();
    story.arrived.push({ connection: this, read, after: () => pipe.text.slice(read().end) });
    if (++story.underWay > 1) story.problems.push('upstream: a request before the last was over');
    const isComplete = (): boolean => pipe.closed || read().isComplete;
    const early = isHeadScript(script);
    const steps = early ? script.steps : script;
    try {
      if (!early) await pipe.when('the whole request', isComplete);
      if (pipe.closed) return;
      await pipe.take(steps, pipe.text.indexOf('\r\n\r\n', at) + 4, story);
    } finally {
      story.underWay--;
    }
    await pipe.when('the end of the request', isComplete);
    if (pipe.closed || changesProtocol(steps)) return;
    this.#at = read().end;
    this.isBusy = false;
    this.#next();
  }
}

/** No request comes on such a connection any more. */
function changesProtocol(steps: Steps): boolean {
  const all = typeof steps === 'string' ? [steps] : steps;
  return all.some((step) => typeof step === 'string' && step.startsWith('HTTP/1.1 101'));
}
