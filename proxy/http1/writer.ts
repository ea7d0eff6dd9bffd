import type { Duplex } from 'node:stream';
import type { HeaderList } from '../headers.ts';
import { type Held, atEndOfTurn } from './end-of-turn.ts';

/** Pieces up to this size are copied together: one write costs more than the copy. */
const COPY_BYTES_MAX = 4 * 1024;
const TEXT_LENGTH_MAX = 16 * 1024;

/**
 * Writes messages so that a head and what there is of its body leave in one system call: text and
 * small pieces are gathered as one string, large pieces go along uncopied. Who ends, destroys or
 * hands on the socket calls `writeHeld` before.
 */
export class MessageWriter implements Held {
  readonly #socket: Duplex;
  #text = '';
  #corked = false;
  #chunked = false;
  #isHeld = false;

  constructor(socket: Duplex) {
    this.#socket = socket;
  }

  /** False: hold on until the socket drains. */
  get ready(): boolean {
    return !this.#socket.writableNeedDrain;
  }

  head(text: string, chunked: boolean): void {
    this.#text += text;
    this.#chunked = chunked;
  }

  body(bytes: Buffer): void {
    if (bytes.length === 0) return;
    if (this.#chunked) this.#text += `${bytes.length.toString(16)}\r\n`;
    if (bytes.length <= COPY_BYTES_MAX && this.#text.length <= TEXT_LENGTH_MAX) {
      this.#text += bytes.toString('latin1');
    } else {
      this.#cork();
      this.#push();
      this.#socket.write(bytes);
    }
    if (this.#chunked) this.#text += '\r\n';
  }

  end(trailers: HeaderList | undefined): void {
    if (!this.#chunked) return;
    this.#text += trailers === undefined ? '0\r\n\r\n' : `0\r\n${trailers.toLines()}\r\n`;
    this.#chunked = false;
  }

  /** What is gathered goes out with this turn of the event loop; at once, if it is much. */
  flush(): void {
    if (this.#corked || this.#text.length > TEXT_LENGTH_MAX) this.writeHeld();
    else if (!this.#isHeld && this.#text !== '') {
      this.#isHeld = true;
      atEndOfTurn(this);
    }
  }

  writeHeld(): void {
    this.#isHeld = false;
    this.#push();
    if (!this.#corked) return;
    this.#corked = false;
    this.#socket.uncork();
  }

  #push(): void {
    if (this.#text === '') return;
    const text = this.#text;
    this.#text = '';
    if (!this.#socket.destroyed) this.#socket.write(text, 'latin1');
  }

  #cork(): void {
    if (this.#corked) return;
    this.#corked = true;
    this.#socket.cork();
  }
}
