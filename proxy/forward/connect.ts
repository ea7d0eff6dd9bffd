import { type Socket, connect as connectTcp } from 'node:net';
import type { ConnectionOptions, SecureContext } from 'node:tls';
import type { Endpoint } from '#contracts/events.ts';
import type { Log } from '#platform/log.ts';
import { LIMITS } from '../listener/limits.ts';
import { tls as nodeTls } from '../node-tls.ts';
import type { Certificates } from '../tls/certificates.ts';
import { checkPeer } from '../tls/peer-names.ts';
import { TLS_SETTINGS } from '../tls/protocol.ts';
import { endpointName } from '../upstream/addresses.ts';
import type { BackendTls } from '../upstream/settings.ts';
import { readsAtOnce, readsInto } from '../reads.ts';

const KEEP_ALIVE_PROBE_MS = 30_000;
/** Sessions kept to be resumed, one for each endpoint. */
const SESSIONS_MAX = 1_024;
const CONTEXTS_MAX = 256;
const NOT_KNOWN = 'authorities or a certificate for the endpoint are not known here';
/** Endpoints of which it is remembered that their failure was told. */
const TOLD_MAX = 1_024;

/** A connection that is being made; `cancel` gives it up without a word. */
export interface Connecting {
  cancel(): void;
}

export interface ConnectOptions {
  tls: BackendTls | undefined;
  /** Offered by ALPN, the preferred one first; none: nothing is offered. Only over TLS. */
  protocols: readonly string[];
  /** The server may end its side and read on. */
  allowHalfOpen?: boolean;
}

/** `protocol`: what the server chose of those offered; empty when it chose none. */
export type Connected =
  { ok: true; socket: Socket; protocol: string } | { ok: false; error: NodeJS.ErrnoException };

export interface ConnectorParts {
  certificates: Pick<Certificates, 'authorities' | 'server' | 'version'>;
  log: Log;
}

/**
 * Opens connections to endpoints, in the clear or over TLS. What is spoken on them is their
 * owner's. A server is always verified: against authorities that the policy names, for a name that
 * it names.
 */
export class Connector {
  readonly #parts: ConnectorParts | undefined;
  readonly #contexts = new Map<string, { version: number; context: SecureContext }>();
  readonly #sessions = new Map<string, Buffer>();
  readonly #told = new Set<string>();

  /** Without parts, what is to be secured fails. */
  constructor(parts?: ConnectorParts) {
    this.#parts = parts;
  }

  /** Calls back once, later, unless it is cancelled before. */
  open(endpoint: Endpoint, options: ConnectOptions, done: (result: Connected) => void): Connecting {
    const { tls } = options;
    if (tls === undefined) {
      const onread = readsInto(() => socket);
      const socket: Socket = readsAtOnce(
        connectTcp({ ...socketOptions(endpoint, options), onread }),
      );
      return settle(socket, 'connect', () => done({ ok: true, socket, protocol: '' }), done);
    }
    const context = this.#contextOf(tls);
    if (context === undefined) return later(done, new Error(NOT_KNOWN));
    const name = `${endpointName(endpoint)} ${tls.key}`;
    const socket = readsAtOnce(
      nodeTls().connect(this.#tlsOptions(endpoint, options, tls, context, name)),
    );
    socket.on('session', (session: Buffer) => this.#keepSession(name, session));
    return settle(
      socket,
      'secureConnect',
      () => {
        this.#told.delete(name);
        done({ ok: true, socket, protocol: socket.alpnProtocol || '' });
      },
      (result) => {
        this.#sessions.delete(name);
        if (!result.ok) this.#tell(name, endpoint, tls, result.error);
        done(result);
      },
    );
  }

  #tlsOptions(
    endpoint: Endpoint,
    options: ConnectOptions,
    tls: BackendTls,
    secureContext: SecureContext,
    name: string,
  ): ConnectionOptions {
    const { protocols } = options;
    const session = this.#sessions.get(name);
    return {
      ...socketOptions(endpoint, options),
      secureContext,
      servername: tls.serverName,
      ...(protocols.length === 0 ? {} : { ALPNProtocols: protocols }),
      ...(session === undefined ? {} : { session }),
      rejectUnauthorized: true,
      checkServerIdentity: (_host, certificate) => checkPeer(tls, certificate),
    };
  }

  /** Undefined: what the policy or the Gateway names is not known here. */
  #contextOf(tls: BackendTls): SecureContext | undefined {
    const certificates = this.#parts?.certificates;
    if (certificates === undefined) return undefined;
    const { version } = certificates;
    const known = this.#contexts.get(tls.key);
    if (known?.version === version) return known.context;
    const ca = authoritiesOf(tls, certificates);
    if (ca === undefined || ca.length === 0) return undefined;
    const own = certificates.server(tls.clientCertificate ?? '');
    if (tls.clientCertificate !== undefined && own === undefined) return undefined;
    if (known !== undefined) this.#sessions.clear();
    const context = nodeTls().createSecureContext({
      ...{ ...TLS_SETTINGS, ca: [...ca] },
      ...(own === undefined ? {} : { cert: own.cert, key: own.key }),
    });
    this.#contexts.set(tls.key, { version, context });
    dropOldest(this.#contexts, CONTEXTS_MAX);
    return context;
  }

  #keepSession(name: string, session: Buffer): void {
    // The newest last: the oldest goes when there are too many.
    this.#sessions.delete(name);
    this.#sessions.set(name, session);
    dropOldest(this.#sessions, SESSIONS_MAX);
  }

  /** Once until it is well again: what an operator has to mend, and no request's record says. */
  #tell(name: string, endpoint: Endpoint, tls: BackendTls, error: NodeJS.ErrnoException): void {
    if (error.syscall === 'connect' || this.#told.has(name)) return;
    this.#told.add(name);
    dropOldest(this.#told, TOLD_MAX);
    const fields = {
      endpoint: endpointName(endpoint),
      serverName: tls.serverName,
      error: error.message,
    };
    this.#parts?.log.warn(fields, 'no secure connection to an endpoint');
  }
}

function socketOptions({ address, port }: Endpoint, { allowHalfOpen = false }: ConnectOptions) {
  return {
    allowHalfOpen,
    ...{ host: address, port, noDelay: true },
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_PROBE_MS,
    highWaterMark: LIMITS.bufferBytes,
  };
}

function settle(
  socket: Socket,
  event: 'connect' | 'secureConnect',
  connected: () => void,
  failed: (result: Connected) => void,
): Connecting {
  const fail = (error: NodeJS.ErrnoException): void => failed({ ok: false, error });
  socket.once('error', fail);
  socket.once(event, () => {
    socket.off('error', fail);
    connected();
  });
  return {
    cancel: () => {
      socket.off('error', fail).on('error', ignore).destroy();
    },
  };
}

function later(done: (result: Connected) => void, error: Error): Connecting {
  let isCancelled = false;
  setImmediate(() => {
    if (!isCancelled) done({ ok: false, error });
  });
  return {
    cancel: () => {
      isCancelled = true;
    },
  };
}

function authoritiesOf(
  { authorities }: BackendTls,
  certificates: ConnectorParts['certificates'],
): readonly string[] | undefined {
  if (authorities === 'system') return nodeTls().getCACertificates('system');
  const found = authorities.map((name) => certificates.authorities(name)?.pem);
  return found.includes(undefined) ? undefined : found.flatMap((pem) => pem ?? []);
}

function dropOldest(kept: Map<string, unknown> | Set<string>, max: number): void {
  if (kept.size <= max) return;
  const [oldest] = kept.keys();
  if (oldest !== undefined) kept.delete(oldest);
}

function ignore(): void {}
