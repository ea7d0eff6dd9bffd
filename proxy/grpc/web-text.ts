import type { Exchange } from '../exchange.ts';
import type { HeaderList } from '../headers.ts';
import type { BodySink } from '../stream.ts';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const PAD = 0x3d;
const NO_DIGIT = 0xff;
const DIGITS = new Uint8Array(256).fill(NO_DIGIT);
for (let i = 0; i < ALPHABET.length; i++) DIGITS[ALPHABET.charCodeAt(i)] = i;

/** Each piece padded by itself, as the protocol allows: nothing waits for the next one. */
export function toBase64(bytes: Buffer): Buffer {
  return Buffer.from(bytes.toString('base64'), 'latin1');
}

/**
 * Reads base64 as it comes, in pieces of any size. Padding ends a group and not the text: clients
 * may write several in a row, each padded. Padding that is missing is an error, as are line ends.
 */
export class Base64Reader {
  #bits = 0;
  #digits = 0;
  #pads = 0;

  /** No group is begun. */
  get isWhole(): boolean {
    return this.#digits === 0;
  }

  /** undefined: it is no base64, and nothing may be read any more. */
  push(text: Buffer): Buffer | undefined {
    // In variables of its own the loop takes half the time.
    let bits = this.#bits;
    let digits = this.#digits;
    let pads = this.#pads;
    const bytes = Buffer.allocUnsafe(((digits + text.length) >> 2) * 3);
    let length = 0;
    for (let i = 0; i < text.length; i++) {
      const code = text[i] ?? 0;
      let digit = DIGITS[code] ?? NO_DIGIT;
      if (code === PAD && digits >= 2) {
        pads++;
        digit = 0;
      } else if (digit === NO_DIGIT || pads > 0) return undefined;
      bits = (bits << 6) | digit;
      if (++digits < 4) continue;
      bytes[length++] = bits >> 16;
      if (pads < 2) bytes[length++] = bits >> 8;
      if (pads < 1) bytes[length++] = bits;
      bits = 0;
      digits = 0;
      pads = 0;
    }
    this.#bits = bits;
    this.#digits = digits;
    this.#pads = pads;
    return bytes.subarray(0, length);
  }
}

/** Takes the body of a request in base64, and hands on what is in it. */
export class TextBody implements BodySink {
  readonly #exchange: Pick<Exchange, 'bytesIn'>;
  readonly #reader = new Base64Reader();
  #sink: BodySink | undefined;

  constructor(exchange: Pick<Exchange, 'bytesIn'>, sink: BodySink) {
    this.#exchange = exchange;
    this.#sink = sink;
  }

  data(text: Buffer): void {
    if (this.#sink === undefined) return;
    const bytes = this.#reader.push(text);
    if (bytes === undefined) {
      this.broken('bad_request');
      return;
    }
    // Counted is what the client sent; who takes the bytes counts those.
    this.#exchange.bytesIn += text.length - bytes.length;
    if (bytes.length > 0) this.#sink.data(bytes);
  }

  end(trailers: HeaderList | undefined): void {
    if (this.#reader.isWhole) this.#sink?.end(trailers);
    else this.broken('bad_request');
  }

  broken(why: 'client_closed' | 'bad_request'): void {
    const sink = this.#sink;
    this.#sink = undefined;
    sink?.broken(why);
  }
}
