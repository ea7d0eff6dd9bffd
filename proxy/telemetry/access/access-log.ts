import { type WriteStream, createWriteStream } from 'node:fs';
import type { Writable } from 'node:stream';
import type { Clock, Timer } from '#platform/clock.ts';
import { sentenceOf } from '#platform/log.ts';
import { ACCESS_LOG_BYTES_MAX, ACCESS_LOG_FLUSH_BYTES, ACCESS_LOG_FLUSH_MS } from '../limits.ts';
import type { TelemetryLog } from '../types.ts';

const LINE_FEED = 0x0a;
/** What a pipe takes of one writer without a piece of another in between (PIPE_BUF, pipe(7)). */
const PIPE_BYTES = 4_096;

export interface AccessLogOptions {
  /** A file, appended to, or `-` for standard output. */
  target: string;
  clock: Clock;
  log: TelemetryLog;
}

/**
 * JSON lines for people and their tools, at most 1 s late. When the disk or the reader is slower
 * than the traffic, lines are dropped and counted; requests never wait.
 */
export class AccessLog {
  dropped = 0;
  readonly #options: AccessLogOptions;
  readonly #out: Writable;
  readonly #file: WriteStream | undefined;
  readonly #blockBytes: number;
  /** Lines that are not on their way yet. */
  #block: Buffer<ArrayBuffer>;
  #used = 0;
  #lines = 0;
  /** One that was written, for the next: new memory is slower than memory that was in use. */
  #spare: Buffer<ArrayBuffer> | undefined;
  /** For standard output: each piece by itself, since a stream would join those that wait. */
  readonly #queue: { bytes: Buffer; done: () => void }[] = [];
  #queuedBytes = 0;
  #isWriting = false;
  #timer: Timer | undefined;
  #broken = false;

  constructor(options: AccessLogOptions) {
    this.#options = options;
    this.#file =
      options.target === '-' ? undefined : createWriteStream(options.target, { flags: 'a' });
    this.#out = this.#file ?? process.stdout;
    // All workers write to the one standard output: a line must not be torn by another's.
    this.#blockBytes = this.#file === undefined ? PIPE_BYTES : ACCESS_LOG_FLUSH_BYTES;
    this.#block = Buffer.allocUnsafeSlow(this.#blockBytes);
    this.#out.on('error', this.#onError);
  }

  /** `line`: without its end. */
  write(line: string): void {
    const waitingBytes = this.#out.writableLength + this.#queuedBytes;
    if (this.#broken || waitingBytes > ACCESS_LOG_BYTES_MAX) {
      this.dropped++;
      return;
    }
    // Of UTF-16, each unit takes at most three bytes.
    let room = 3 * line.length + 1;
    if (this.#used + room > this.#blockBytes) room = Buffer.byteLength(line) + 1;
    if (this.#used + room > this.#blockBytes) this.#flush();
    if (room > this.#blockBytes) {
      this.#send(Buffer.from(`${line}\n`), () => undefined);
      return;
    }
    this.#lines++;
    this.#used += this.#block.write(line, this.#used);
    this.#block[this.#used++] = LINE_FEED;
    this.#timer ??= this.#options.clock.after(ACCESS_LOG_FLUSH_MS, () => this.#flush());
  }

  async close(): Promise<void> {
    this.#flush();
    const file = this.#file;
    if (file === undefined) {
      await new Promise<void>((resolve) => this.#send(Buffer.of(), resolve));
      this.#out.off('error', this.#onError);
    } else if (!file.closed) {
      await new Promise<void>((resolve) => {
        file.once('close', resolve);
        file.end();
      });
    }
  }

  readonly #onError = (error: Error): void => {
    if (this.#broken) return;
    this.#broken = true;
    this.dropped += this.#lines;
    const { log, target } = this.#options;
    log('error', 'the access log cannot be written and is given up', {
      target,
      why: sentenceOf(error),
    });
  };

  #flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#used === 0 || this.#broken) return;
    const block = this.#block;
    this.#send(block.subarray(0, this.#used), () => (this.#spare = block));
    this.#block = this.#spare ?? Buffer.allocUnsafeSlow(this.#blockBytes);
    this.#spare = undefined;
    this.#used = 0;
    this.#lines = 0;
  }

  #send(bytes: Buffer, done: () => void): void {
    if (this.#file !== undefined) {
      this.#file.write(bytes, done);
      return;
    }
    this.#queue.push({ bytes, done });
    this.#queuedBytes += bytes.length;
    if (!this.#isWriting) this.#next();
  }

  #next(): void {
    const piece = this.#queue.shift();
    this.#isWriting = piece !== undefined;
    if (piece === undefined) return;
    this.#out.write(piece.bytes, () => {
      this.#queuedBytes -= piece.bytes.length;
      piece.done();
      this.#next();
    });
  }
}
