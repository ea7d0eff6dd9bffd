// A closed loop of keep-alive connections in a process of its own, so that what it costs is nobody
// else's. It takes one order at a time from its parent and answers each with one report.
import { type Socket, connect } from 'node:net';

export interface LoadOrder {
  port: number;
  /** Whole requests without a body; sent in turn. */
  requests: readonly string[];
  connections: number;
  /** So many are sent, over all connections. */
  count: number;
  timeoutMs: number;
}

export interface LoadReport {
  /** Whole replies, whatever their status. */
  done: number;
  /** Replies other than 200. */
  bad: number;
  /** Requests whose connection ended first, or whose reply could not be read. */
  broken: number;
  timedOut: boolean;
  ms: number;
  p50Us: number;
  p99Us: number;
}

const REPLY_BYTES_MAX = 65_536;
const HEAD_END = '\r\n\r\n';

class Run {
  readonly #order: LoadOrder;
  readonly #requests: readonly Buffer[];
  readonly #sockets = new Set<Socket>();
  readonly #latenciesUs: number[] = [];
  readonly #startedMs = performance.now();
  readonly #resolve: (report: LoadReport) => void;
  readonly #timer: NodeJS.Timeout;
  #sent = 0;
  #bad = 0;
  #broken = 0;
  #ended = false;

  constructor(order: LoadOrder, resolve: (report: LoadReport) => void) {
    this.#order = order;
    this.#requests = order.requests.map((text) => Buffer.from(text, 'latin1'));
    this.#resolve = resolve;
    this.#timer = setTimeout(() => this.#end(true), order.timeoutMs);
    for (let i = 0; i < Math.min(order.connections, order.count); i++) this.#dial();
  }

  /** One request after another on one connection. What breaks is counted and dialled anew. */
  #dial(): void {
    const socket = connect({ host: '127.0.0.1', port: this.#order.port, noDelay: true });
    this.#sockets.add(socket);
    let sentMs = 0;
    let waiting = false;
    let got: Buffer = Buffer.alloc(0);
    const next = (): void => {
      const request = this.#requests[this.#sent % this.#requests.length];
      if (request === undefined || this.#sent >= this.#order.count) {
        waiting = false;
        return;
      }
      this.#sent++;
      waiting = true;
      sentMs = performance.now();
      socket.write(request);
    };
    socket.on('connect', next);
    socket.on('data', (chunk: Buffer) => {
      got = got.length === 0 ? chunk : Buffer.concat([got, chunk]);
      const reply = replyIn(got);
      if (reply === 'part') return;
      if (reply === 'unreadable' || !waiting) {
        socket.destroy();
        return;
      }
      got = Buffer.alloc(0);
      this.#latenciesUs.push((performance.now() - sentMs) * 1_000);
      if (reply.status !== 200) this.#bad++;
      next();
      this.#endIfDone();
    });
    socket.on('error', () => socket.destroy()); // Counted where it closes.
    socket.on('close', () => {
      this.#sockets.delete(socket);
      if (this.#ended) return;
      // A connection that never came up has had a turn too: a dead port ends, it does not spin.
      if (!waiting && this.#sent < this.#order.count) this.#sent++;
      else if (!waiting) return;
      this.#broken++;
      if (this.#sent < this.#order.count) this.#dial();
      this.#endIfDone();
    });
  }

  #endIfDone(): void {
    if (this.#latenciesUs.length + this.#broken >= this.#order.count) this.#end(false);
  }

  #end(timedOut: boolean): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    for (const socket of this.#sockets) socket.destroy();
    const sorted = Float64Array.from(this.#latenciesUs).toSorted();
    const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
    this.#resolve({
      done: sorted.length,
      bad: this.#bad,
      broken: this.#broken,
      timedOut,
      ms: performance.now() - this.#startedMs,
      p50Us: at(0.5),
      p99Us: at(0.99),
    });
  }
}

function replyIn(bytes: Buffer): { status: number } | 'part' | 'unreadable' {
  if (bytes.length > REPLY_BYTES_MAX) return 'unreadable';
  const end = bytes.indexOf(HEAD_END);
  if (end < 0) return 'part';
  const head = bytes.toString('latin1', 0, end);
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (length === undefined) return 'unreadable';
  const whole = end + HEAD_END.length + Number(length);
  if (bytes.length < whole) return 'part';
  // One request is under way: more than one reply is not an answer to it.
  return bytes.length > whole ? 'unreadable' : { status: Number(head.slice(9, 12)) };
}

process.on('message', (order: LoadOrder) => {
  void new Promise<LoadReport>((resolve) => void new Run(order, resolve)).then((report) =>
    process.send?.(report),
  );
});
process.on('disconnect', () => process.exit(0));
