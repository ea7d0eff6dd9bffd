// Between the client and the first proxy: what the client really sent. It gives many of its calls
// up before it sends them, and nobody but the wire can tell.
import { type Server, type Socket, connect, createServer } from 'node:net';
import { PREFACE, TYPE, readFrames } from '../../unit/proxy/listener/http2-frames.ts';

/** Passes connections on as they are, and counts calls. */
export class Relay {
  readonly #server: Server;
  readonly #toPort: number;
  readonly #open = new Set<Socket>();
  /** Streams that were opened. */
  calls = 0;
  /** Connections on which none was. */
  unused = 0;

  constructor(toPort: number) {
    this.#toPort = toPort;
    this.#server = createServer((client) => this.#pass(client));
  }

  listen(port: number): Promise<void> {
    return new Promise((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
  }

  /** Resolves when all that came has been passed on. */
  close(): Promise<void> {
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  destroy(): void {
    this.#server.close();
    for (const socket of this.#open) socket.destroy();
  }

  #pass(client: Socket): void {
    const proxy = connect(this.#toPort, '127.0.0.1');
    const seen = new Set<number>();
    let toSkip = PREFACE.length;
    let held: Buffer<ArrayBufferLike> = Buffer.of();
    client.on('data', (chunk: Buffer) => {
      const skipped = Math.min(toSkip, chunk.length);
      toSkip -= skipped;
      const { frames, rest } = readFrames(Buffer.concat([held, chunk.subarray(skipped)]));
      held = rest;
      for (const { type, stream } of frames) if (type === TYPE.headers) seen.add(stream);
    });
    for (const [from, to] of [
      [client, proxy],
      [proxy, client],
    ] as const) {
      this.#open.add(from);
      from.on('error', () => from.destroy());
      from.pipe(to);
      // What the other side still says has nowhere to go.
      from.once('close', () => {
        this.#open.delete(from);
        to.end();
        to.resume();
      });
    }
    client.once('close', () => {
      this.calls += seen.size;
      if (seen.size === 0) this.unused++;
    });
  }
}
