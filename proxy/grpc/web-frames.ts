import type { HeaderList } from '../headers.ts';

/** Of a message: whether it is compressed, and its length. */
const PREFIX_BYTES = 5;
const IS_TRAILERS = 0x80;

/** Where the messages in a body of gRPC end. */
export class MessageBounds {
  /** Read of the prefix; what of the length is in it; what is left of the message. */
  #prefix = 0;
  #length = 0;
  #left = 0;

  /** The last message is complete. */
  get isWhole(): boolean {
    return this.#prefix === 0 && this.#left === 0;
  }

  pass(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.#left > 0) {
        const step = Math.min(this.#left, bytes.length - at);
        this.#left -= step;
        at += step;
        continue;
      }
      if (this.#prefix > 0) this.#length = this.#length * 256 + (bytes[at] ?? 0);
      at++;
      if (++this.#prefix < PREFIX_BYTES) continue;
      this.#left = this.#length;
      this.#prefix = 0;
      this.#length = 0;
    }
  }
}

/** The last message of a response in gRPC-Web; names are in lower case. */
export function trailersFrame(trailers: HeaderList): Buffer {
  let text = '';
  trailers.forEach((name, value) => (text += `${name}: ${value}\r\n`));
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + text.length);
  frame[0] = IS_TRAILERS;
  frame.writeUInt32BE(text.length, 1);
  frame.write(text, PREFIX_BYTES, 'latin1');
  return frame;
}
