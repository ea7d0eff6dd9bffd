import type { Duplex } from 'node:stream';
import type { HeaderList } from '../headers.ts';

/** Pieces up to this size are copied together: one write costs more than the copy. */
const COPY_BYTES_MAX = 4 * 1024;
const TEXT_LENGTH_MAX = 16 * 1024;

/**
 * Writes messages so that a head and what there is of its body leave in one system call: text and
 * small pieces are gathered as one string, large pieces go along uncopied.
 */
export class MessageWriter {
  readonly #socket: Duplex;
  #text = '';
  #corked = false;
  #chunked = false;

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

  flush(): void {
    this.#push();
    if (!this.#corked) return;
    this.#corked = false;
    this.#socket.uncork();
  }

  #push(): void {
    if (this.#text === '') return;
    const text = this.#text;
    this.#text = '';
    this.#socket.write(text, 'latin1');
  }

  #cork(): void {
    if (this.#corked) return;
    this.#corked = true;
    this.#socket.cork();
  }
}
