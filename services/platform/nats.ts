import { readFileSync } from 'node:fs';
import {
  type Authenticator,
  type ConnectionOptions,
  ErrorCode,
  Events,
  type NatsConnection,
  NatsError,
  connect,
  credsAuthenticator,
} from 'nats';
import { type Log, sentenceOf } from './log.ts';

export interface NatsOptions {
  /** `nats://host:port`, several separated by commas. */
  url: string;
  /** Shown in the server's connection list. */
  name: string;
  /** A .creds file (JWT and nkey). */
  credsFile?: string | undefined;
  /** The text of such a file, asked for again at each connection; throws a sentence. */
  creds?: (() => string) | undefined;
  /** CA bundle in PEM for `tls://` servers. */
  caFile?: string | undefined;
  /** The text of such a file; the file counts where both are given. */
  ca?: string | undefined;
  /** Where answers arrive; `_INBOX` without, which permissions of one's own do not cover. */
  inbox?: string | undefined;
  log: Log;
  /** Gives up the first connection after this long; without it tries for ever. */
  firstConnectTimeoutMs?: number;
  signal?: AbortSignal;
}

/** The client's own defaults give up after 20 s and notice a half-open connection after 4 min. */
const SETTINGS = {
  maxReconnectAttempts: -1,
  reconnectTimeWait: 250,
  reconnectJitter: 500,
  reconnectJitterTLS: 500,
  pingInterval: 5_000,
  maxPingOut: 2,
  // Else a server that refuses the same credentials twice (it restarts, an account is being moved)
  // ends the connection for good, and a service that looks alive never hears of anything again.
  ignoreAuthErrorAbort: true,
  timeout: 2_000,
} as const satisfies ConnectionOptions;

const RETRY_MIN_MS = 100;
const RETRY_MAX_MS = 2_000;

/**
 * Connects, and goes on trying until the server is there (or `signal` aborts, or the first
 * time-out passes). Once connected the client reconnects for ever with jitter; loss and return of
 * the link are logged. Throws one sentence when a credentials or CA file cannot be read.
 */
export async function connectNats(options: NatsOptions): Promise<NatsConnection> {
  const startedMs = performance.now();
  let waitMs = RETRY_MIN_MS;
  let told = false;
  const settings = connectionOptions(options);
  for (;;) {
    options.signal?.throwIfAborted();
    try {
      const connection = await connect(settings);
      watch(connection, options.log);
      return connection;
    } catch (error) {
      const waitedMs = performance.now() - startedMs;
      if (waitedMs > (options.firstConnectTimeoutMs ?? Number.POSITIVE_INFINITY)) {
        throw new Error(`cannot reach NATS at ${options.url}: ${sentenceOf(error)}`, {
          cause: error,
        });
      }
      if (!told) options.log.warn({ url: options.url, error: sentenceOf(error) }, awayText(error));
      told = true;
    }
    await pause(waitMs, options.signal);
    waitMs = Math.min(waitMs * 2, RETRY_MAX_MS);
  }
}

function connectionOptions(options: NatsOptions): ConnectionOptions {
  const { credsFile, caFile, inbox, log } = options;
  const servers = options.url.split(',').map((server) => server.trim());
  const creds = credsFile === undefined ? options.creds : () => readText(credsFile);
  const ca = caFile === undefined ? options.ca : readText(caFile);
  // With a TLS setting the client refuses a server that has none; with `tls://` alone it does not.
  const isTls = ca !== undefined || servers.some((server) => server.startsWith('tls://'));
  return {
    ...SETTINGS,
    servers,
    name: options.name,
    ...(inbox === undefined ? {} : { inboxPrefix: inbox }),
    ...(creds === undefined ? {} : { authenticator: readAgain(creds, log) }),
    ...(isTls ? { tls: ca === undefined ? {} : { ca } } : {}),
  };
}

/** Read again for each connection: credentials are renewed in place while a service runs. */
function readAgain(read: () => string, log: Log): Authenticator {
  let known = read();
  return (nonce) => {
    try {
      known = read();
    } catch (error) {
      log.warn({ error: sentenceOf(error) }, 'the NATS credentials as they were are used');
    }
    return credsAuthenticator(Buffer.from(known))(nonce);
  };
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`cannot read ${file} for NATS: ${sentenceOf(error)}`, { cause: error });
  }
}

function awayText(error: unknown): string {
  const code = error instanceof NatsError ? error.code : '';
  return code === ErrorCode.AuthorizationViolation || code === ErrorCode.AuthenticationExpired
    ? 'NATS refuses the credentials: expired, revoked, of another account, or none given'
    : 'NATS is away';
}

function watch(connection: NatsConnection, log: Log): void {
  const follow = async (): Promise<void> => {
    let refused = '';
    for await (const status of connection.status()) {
      if (status.type === Events.Disconnect) log.warn('NATS link lost');
      if (status.type === Events.Reconnect) {
        log.info('NATS link is back');
        refused = '';
      }
      if (status.type !== Events.Error) continue;
      // What was published without permission ends here: nobody else hears of it.
      const { operation = '', subject = '' } = status.permissionContext ?? {};
      const code = typeof status.data === 'string' ? status.data : status.type;
      const text = [code, operation, subject].filter((one) => one !== '').join(' ');
      if (text !== refused) log.warn({ error: text }, 'NATS refuses');
      refused = text;
    }
  };
  follow().catch((error: unknown) => log.error({ error: sentenceOf(error) }, 'NATS status ended'));
}

/** Waits, or rejects as soon as `signal` aborts. */
export async function pause(delayMs: number, signal?: AbortSignal): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason instanceof Error ? signal.reason : new Error('stopped'));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, delayMs);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** Codes of the JetStream API's errors (nats-server's errors.json). */
export const MESSAGE_NOT_FOUND = 10_037;
export const STREAM_NOT_FOUND = 10_059;
/** The second is what a cluster answers while an earlier publish is on its way. */
const WRONG_LAST_SEQUENCE: readonly number[] = [10_071, 10_164];
/** Storage, memory, streams, consumers, bytes: of the server, of the account, or of the stream. */
const NO_ROOM: readonly number[] = [
  ...[10_002, 10_023, 10_026, 10_027, 10_028, 10_047, 10_077, 10_122],
];

/** The JetStream API's own error code, when it was the server that refused. */
export function apiErrorOf(error: unknown): number | undefined {
  return error instanceof NatsError ? error.api_error?.err_code : undefined;
}

/** Somebody published in between. */
export function isWrongLastSequence(error: unknown): boolean {
  return WRONG_LAST_SEQUENCE.includes(apiErrorOf(error) ?? 0);
}

/** The server refused for lack of resources: what was asked for has not happened. */
export function isNoRoom(error: unknown): boolean {
  return NO_ROOM.includes(apiErrorOf(error) ?? 0);
}

/** What a request to NATS failed of, in words that say what to do. */
export function natsSentence(error: unknown): string {
  const text = sentenceOf(error);
  if (!(error instanceof NatsError)) return text;
  if (isNoRoom(error)) {
    return (
      `JetStream has no room for it (${text}): raise the limits of the server ` +
      '(max_file_store, max_memory_store) or of the account, or free some'
    );
  }
  if (error.api_error !== undefined) return `JetStream refuses it: ${text}`;
  const code: string = error.code;
  if (code === ErrorCode.Timeout) return 'NATS does not answer in time';
  if (code === ErrorCode.NoResponders || code === ErrorCode.JetStreamNotEnabled) {
    return 'JetStream does not answer: it is off, or this account has none';
  }
  if (code === ErrorCode.ConnectionClosed) return 'the connection to NATS is closed';
  return text;
}

export { decodeJson, encodeJson } from './message.ts';
