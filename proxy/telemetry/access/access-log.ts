import { type WriteStream, createWriteStream } from 'node:fs';
import type { Writable } from 'node:stream';
import type { Clock, Timer } from '#platform/clock.ts';
import { sentenceOf } from '#platform/log.ts';
import { ACCESS_LOG_BYTES_MAX, ACCESS_LOG_FLUSH_BYTES, ACCESS_LOG_FLUSH_MS } from '../limits.ts';
import type { TelemetryLog } from '../types.ts';

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
  #text = '';
  #lines = 0;
  #timer: Timer | undefined;
  #broken = false;

  constructor(options: AccessLogOptions) {
    this.#options = options;
    this.#file =
      options.target === '-' ? undefined : createWriteStream(options.target, { flags: 'a' });
    this.#out = this.#file ?? process.stdout;
    this.#out.on('error', this.#onError);
  }

  /** `line`: without its end. */
  write(line: string): void {
    if (this.#broken || this.#out.writableLength > ACCESS_LOG_BYTES_MAX) {
      this.dropped++;
      return;
    }
    this.#text += `${line}\n`;
    this.#lines++;
    if (this.#text.length >= ACCESS_LOG_FLUSH_BYTES) this.#flush();
    else this.#timer ??= this.#options.clock.after(ACCESS_LOG_FLUSH_MS, () => this.#flush());
  }

  async close(): Promise<void> {
    this.#flush();
    const file = this.#file;
    if (file === undefined) {
      await new Promise<void>((resolve) => this.#out.write('', () => resolve()));
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
    if (this.#text === '' || this.#broken) return;
    this.#out.write(this.#text);
    this.#text = '';
    this.#lines = 0;
  }
}
