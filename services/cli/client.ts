import { CliError, EXIT, fromProblem, isProblem, usage } from './errors.ts';

/** One service of Windrose, as far as its HTTP API reaches. */
export interface Client {
  readonly url: string;
  /** What it shows; the other services of the same mesh take it too. */
  readonly token: string | undefined;
  get<Answer>(path: string, query?: Query): Promise<Answer>;
  post<Answer>(path: string, body: unknown, options?: PostOptions): Promise<Answer>;
  /** A long answer, as it comes; without a limit on time. */
  download(path: string): Promise<AsyncIterable<Uint8Array>>;
  /** The `data` of server-sent events, parsed; ends when the server ends the stream. */
  events<Event>(path: string, query: Query, signal: AbortSignal): AsyncGenerator<Event>;
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export interface PostOptions {
  query?: Query;
  headers?: Record<string, string>;
}

/** What people call the service, and what they can do when it is away. */
export interface ClientOptions {
  url: string;
  service: string;
  hint: string;
  timeoutMs?: number;
  /** Shown as `Authorization: Bearer`. */
  token?: string | undefined;
}

const TIMEOUT_MS = 30_000;
/** An event is one board or record; a longer one means that this is no stream of ours. */
const EVENT_CHARS_MAX = 64 * 1024 * 1024;

/** Checks an address that a person typed. */
export function baseUrl(text: string, source: string): string {
  const parsed = URL.canParse(text) ? new URL(text) : undefined;
  if (parsed === undefined || !['http:', 'https:'].includes(parsed.protocol)) {
    throw usage(`${source} ${text} is no address; write it like http://127.0.0.1:7400`);
  }
  return parsed.href.replace(/\/+$/, '');
}

export function createClient(options: ClientOptions): Client {
  const shown = options.token === undefined ? {} : { authorization: `Bearer ${options.token}` };
  const call = (path: string, query: Query, init: Init): Promise<Response> =>
    send(options, `${options.url}${path}${search(query)}`, {
      ...init,
      headers: { ...init.headers, ...shown },
    });
  const limit = (): AbortSignal => AbortSignal.timeout(options.timeoutMs ?? TIMEOUT_MS);
  return {
    url: options.url,
    token: options.token,
    async get<Answer>(path: string, query: Query = {}) {
      const response = await call(path, query, { signal: limit() });
      return readJson<Answer>(options, response);
    },
    async post<Answer>(path: string, body: unknown, more: PostOptions = {}) {
      const response = await call(path, more.query ?? {}, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...more.headers },
        body: JSON.stringify(body),
        signal: limit(),
      });
      return readJson<Answer>(options, response);
    },
    async download(path: string) {
      const response = await call(path, {}, {});
      if (response.ok && response.body !== null) return response.body;
      await readJson(options, response);
      throw stranger(options);
    },
    async *events<Event>(path: string, query: Query, signal: AbortSignal) {
      const response = await call(path, query, {
        headers: { accept: 'text/event-stream' },
        signal,
      });
      const type = response.headers.get('content-type') ?? '';
      if (!response.ok || !type.startsWith('text/event-stream') || response.body === null) {
        await readJson(options, response);
        throw stranger(options);
      }
      yield* readEvents<Event>(response.body);
    },
  };
}

type Init = RequestInit & { headers?: Record<string, string> };

async function send(options: ClientOptions, url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    if (init.signal?.aborted === true) {
      if (!isTimeout(init.signal.reason)) throw error;
      const seconds = (options.timeoutMs ?? TIMEOUT_MS) / 1_000;
      throw new CliError(
        EXIT.timeout,
        `the ${options.service} at ${options.url} did not answer within ${seconds} s`,
      );
    }
    throw new CliError(
      EXIT.failed,
      `cannot reach the ${options.service} at ${options.url} (${reasonOf(error)}): ${options.hint}`,
    );
  }
}

function isTimeout(reason: unknown): boolean {
  return reason instanceof DOMException && reason.name === 'TimeoutError';
}

function reasonOf(error: unknown): string {
  const cause: unknown = error instanceof Error ? error.cause : undefined;
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code === 'ECONNREFUSED') return 'connection refused';
  if (code === 'ENOTFOUND') return 'no such host';
  if (typeof code === 'string') return code;
  return cause instanceof Error ? cause.message : String(error);
}

async function readJson<Answer>(options: ClientOptions, response: Response): Promise<Answer> {
  const text = await response.text().catch((error: unknown) => {
    throw new CliError(
      EXIT.failed,
      `the ${options.service} at ${options.url} broke off its answer (${reasonOf(error)})`,
    );
  });
  const body = parse(text);
  if (isProblem(body)) throw fromProblem(body);
  if (!response.ok || typeof body !== 'object' || body === null) throw stranger(options);
  return body as Answer;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // Not ours: the caller says so.
  }
}

function stranger(options: ClientOptions): CliError {
  return new CliError(
    EXIT.failed,
    `what answers at ${options.url} is not the ${options.service} of Windrose: ` +
      'check the address and port',
  );
}

function search(query: Query): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)]],
  );
  return pairs.length === 0 ? '' : `?${new URLSearchParams(pairs).toString()}`;
}

/** Reads `text/event-stream` as the HTML standard has it, as far as `data` goes. */
export async function* readEvents<Event>(body: AsyncIterable<Uint8Array>): AsyncGenerator<Event> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true }).replaceAll('\r', '');
    const blocks = rest.split('\n\n');
    rest = blocks.pop() ?? '';
    if (rest.length > EVENT_CHARS_MAX) throw new CliError(EXIT.failed, 'an event is too long');
    for (const block of blocks) {
      const data = block
        .split('\n')
        .filter((line) => line.startsWith('data:'))
        .map((line) => line.slice(5).replace(/^ /, ''));
      if (data.length > 0) yield JSON.parse(data.join('\n')) as Event;
    }
  }
}
