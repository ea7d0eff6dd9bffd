import { subscribe } from 'node:diagnostics_channel';
import type {
  ClientHttp2Session,
  ClientHttp2Stream,
  ClientSessionRequestOptions,
  Settings,
} from 'node:http2';
import type { Socket } from 'node:net';
import { HTTP2_LIMITS, LIMITS } from '../listener/limits.ts';
import { NGHTTP2_NO_ERROR, NGHTTP2_REFUSED_STREAM, http2 } from '../node-http2.ts';

const OPTIONS = {
  settings: {
    initialWindowSize: HTTP2_LIMITS.streamWindowBytes,
    maxHeaderListSize: LIMITS.headerBytes,
    enablePush: false,
  },
  maxHeaderListPairs: HTTP2_LIMITS.headerLines,
  maxSendHeaderBlockLength: 2 * LIMITS.headerBytes,
  maxSessionMemory: HTTP2_LIMITS.memoryMb,
  maxSessionInvalidFrames: HTTP2_LIMITS.invalidFrames,
  maxSettings: HTTP2_LIMITS.settingsEntries,
  maxReservedRemoteStreams: 0,
  strictFieldWhitespaceValidation: true,
  // What stands twice is passed on as it is.
  strictSingleValueFields: false,
};

/** For the time until the last streams of a session that was closed have ended. */
const NONE_REFUSED = Number.POSITIVE_INFINITY;

/**
 * Streams that a reset without an error closed before their end. To its reader node ends such a
 * stream in order: half an answer would look complete (RFC 9113 section 8.1). Whether the end came
 * before the reset is known to the stream's own state alone, and only while it is being closed.
 */
const cutOff = new WeakSet<ClientHttp2Stream>();
subscribe('http2.client.stream.close', (message) => {
  const { stream } = message as { stream: ClientHttp2Stream & WithState };
  if (stream.rstCode === NGHTTP2_NO_ERROR && !stream._readableState.ended) cutOff.add(stream);
});

interface WithState {
  readonly _readableState: { readonly ended: boolean };
}

export interface Http2SessionOwner {
  /** Its first settings have come: streams may be opened. Called at most once. */
  opened(session: Http2Session): void;
  /** A stream ended. */
  left(session: Http2Session): void;
  /** It takes no more streams; those that run may go on. Called once. */
  closed(session: Http2Session, error: NodeJS.ErrnoException | undefined): void;
  /** Nothing is left of it. Called once. */
  gone(session: Http2Session): void;
}

/**
 * The client's end of one HTTP/2 connection (RFC 9113), on a socket that stands, whoever opened it.
 * Frames and compression are node's.
 */
export class Http2Session {
  readonly #session: ClientHttp2Session;
  readonly #socket: Socket;
  readonly #owner: Http2SessionOwner;
  readonly scheme: 'http' | 'https';
  #streamsMax = 0;
  #isOpen = false;
  #isClosed = false;
  #refusedBehind = NONE_REFUSED;
  /** Streams that are open. */
  streams = 0;
  offersWebSocket = false;
  /** For the pool: since when it has no stream, monotonic ms. */
  idleSinceMs = 0;

  constructor(socket: Socket, owner: Http2SessionOwner) {
    this.#owner = owner;
    this.#socket = socket;
    this.scheme = 'encrypted' in socket ? 'https' : 'http';
    const session = http2().connect(`${this.scheme}://upstream.invalid`, {
      ...OPTIONS,
      createConnection: () => socket,
    });
    this.#session = session;
    session.setLocalWindowSize(HTTP2_LIMITS.connectionWindowBytes);
    session.on('remoteSettings', (settings) => this.#onSettings(settings));
    session.on('goaway', (_code, lastStream) => {
      this.#refusedBehind = lastStream;
      this.#close(undefined);
    });
    session.on('error', (error: NodeJS.ErrnoException) => this.#close(error));
    session.on('close', () => {
      this.#close(undefined);
      owner.gone(this);
    });
  }

  /** How many more streams may be opened. */
  get room(): number {
    return this.#isClosed ? 0 : Math.max(0, this.#streamsMax - this.streams);
  }

  open(head: string[], options: ClientSessionRequestOptions): ClientHttp2Stream {
    this.streams++;
    const stream = this.#session.request(head, options);
    stream.once('close', () => {
      this.streams--;
      this.#owner.left(this);
      // Whoever is refused goes elsewhere; connections that refuse all must not add up.
      if (stream.rstCode === NGHTTP2_REFUSED_STREAM) this.close();
    });
    return stream;
  }

  /** Sections 6.8 and 8.7: the server has not looked at a stream that it closed like this. */
  refused(stream: ClientHttp2Stream): boolean {
    if (stream.rstCode === NGHTTP2_REFUSED_STREAM) return true;
    return stream.id === undefined || stream.id > this.#refusedBehind;
  }

  cutOff(stream: ClientHttp2Stream): boolean {
    return cutOff.has(stream);
  }

  /** Takes no more streams and ends when the last one has. */
  close(): void {
    this.#close(undefined);
    if (!this.#session.closed) this.#session.close();
  }

  destroy(): void {
    this.#close(undefined);
    if (!this.#session.destroyed) this.#session.destroy();
    this.#socket.destroy();
  }

  #onSettings(settings: Settings): void {
    this.#streamsMax = settings.maxConcurrentStreams ?? HTTP2_LIMITS.streams;
    this.offersWebSocket = settings.enableConnectProtocol === true;
    if (this.#isOpen || this.#isClosed) return;
    this.#isOpen = true;
    this.#owner.opened(this);
  }

  #close(error: NodeJS.ErrnoException | undefined): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#owner.closed(this, error);
  }
}
