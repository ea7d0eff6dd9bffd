import type { ServerResponse } from 'node:http';
import type { ReceiptBoard } from '#contracts/api/config.ts';
import type { Clock, Timer } from '#platform/clock.ts';

interface OpenStream {
  response: ServerResponse;
  board: () => ReceiptBoard;
  /** What was sent last. */
  sent: string;
  openedMs: number;
}

/** News within this time are one event. */
const COALESCE_MS = 50;
const KEEPALIVE_MS = 15_000;
const STREAMS_MAX = 256;
const LIFETIME_MAX_MS = 60 * 60_000;
/** A reader who leaves this much unread is let go. */
const UNREAD_BYTES_MAX = 1024 * 1024;

/** Open `text/event-stream` answers: each gets its board again whenever it looks different. */
export class BoardStreams {
  readonly #clock: Clock;
  readonly #streams = new Set<OpenStream>();
  #timer: Timer | undefined;
  #keepAlive: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get full(): boolean {
    return this.#streams.size >= STREAMS_MAX;
  }

  /** Takes over a response whose head is not sent yet. */
  open(response: ServerResponse, board: () => ReceiptBoard): void {
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    const stream: OpenStream = { response, board, sent: '', openedMs: this.#clock.nowMs() };
    this.#streams.add(stream);
    response.on('close', () => this.#streams.delete(stream));
    // The reader went away while something was being written: there is nobody to tell.
    response.on('error', () => this.#streams.delete(stream));
    this.#send(stream);
    this.#keepAliveLater();
  }

  /** Something that a board shows may have changed. */
  news(): void {
    if (this.#streams.size === 0 || this.#timer !== undefined) return;
    this.#timer = this.#clock.after(COALESCE_MS, () => {
      this.#timer = undefined;
      for (const stream of [...this.#streams]) this.#send(stream);
    });
  }

  end(): void {
    this.#timer?.cancel();
    this.#keepAlive?.cancel();
    for (const { response } of [...this.#streams]) response.end();
    this.#streams.clear();
  }

  #send(stream: OpenStream): void {
    const board = stream.board();
    const text = JSON.stringify(board);
    if (text !== stream.sent) {
      stream.response.write(`data: ${text}\n\n`);
      stream.sent = text;
    }
    const isOver = board.done || this.#clock.nowMs() - stream.openedMs > LIFETIME_MAX_MS;
    const isMute = stream.response.writableLength > UNREAD_BYTES_MAX;
    if (!isOver && !isMute) return;
    this.#streams.delete(stream);
    if (isOver) stream.response.end();
    else stream.response.destroy();
  }

  #keepAliveLater(): void {
    this.#keepAlive ??= this.#clock.after(KEEPALIVE_MS, () => {
      this.#keepAlive = undefined;
      if (this.#streams.size === 0) return;
      for (const stream of [...this.#streams]) {
        stream.response.write(': still here\n\n');
        this.#send(stream);
      }
      this.#keepAliveLater();
    });
  }
}
