import {
  Agent,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
  createServer,
  request,
} from 'node:http';

/**
 * All that the shop's applications share: a JSON server, and calls to other services through the
 * sidecar. They know no Windrose: a call is plain HTTP to OUTBOUND_PROXY with the service's name
 * as Host, and the caller's trace and request id are handed on.
 */
export interface Call {
  method: string;
  /** Path segments, decoded. */
  path: string[];
  body: unknown;
  /** Asks another service, such as `reviews.shop`, in the name of this request. */
  ask: (host: string, path: string, options?: AskOptions) => Promise<Answer>;
}

export interface AskOptions {
  method?: string;
  body?: unknown;
}

export interface Answer {
  status: number;
  body: unknown;
}

export interface AppOptions {
  port: number;
  /** `host:port` of the sidecar's outbound listener. */
  outbound: string;
}

export interface App {
  port: number;
  stop: () => Promise<void>;
}

const HOST = '127.0.0.1';
const BODY_BYTES_MAX = 1024 * 1024;
const ASK_TIMEOUT_MS = 10_000;
const HANDED_ON = ['x-request-id', 'traceparent', 'tracestate'] as const;

export async function startApp(
  options: AppOptions,
  handle: (call: Call) => Promise<Answer> | Answer,
): Promise<App> {
  const agent = new Agent({ keepAlive: true, maxSockets: 100 });
  const server = createServer((incoming, response) => {
    answer(incoming, options, agent, handle).then(
      (result) => send(response, result),
      (error: unknown) => {
        process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
        send(response, { status: 500, body: { error: 'something went wrong here' } });
      },
    );
  });
  // A sidecar keeps its connections longer than the 5 s after which Node would close them.
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(options.port, HOST, resolve);
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : options.port,
    stop: () =>
      new Promise((resolve) => {
        agent.destroy();
        server.close(() => resolve());
        server.closeIdleConnections();
      }),
  };
}

/** Runs an application as a process: PORT and OUTBOUND_PROXY say where, `ready` when. */
export async function runApp(handle: (call: Call) => Promise<Answer> | Answer): Promise<void> {
  const app = await startApp(
    { port: Number(process.env['PORT']), outbound: process.env['OUTBOUND_PROXY'] ?? '' },
    handle,
  );
  process.stdout.write(`ready on ${HOST}:${app.port}\n`);
  const stop = (): void => {
    void app.stop().then(() => process.exit(0));
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, stop);
}

export const NOT_FOUND: Answer = { status: 404, body: { error: 'there is no such thing' } };

async function answer(
  incoming: IncomingMessage,
  options: AppOptions,
  agent: Agent,
  handle: (call: Call) => Promise<Answer> | Answer,
): Promise<Answer> {
  const { pathname } = new URL(incoming.url ?? '/', 'http://app');
  const body = await readJson(incoming);
  if (body === undefined) return { status: 400, body: { error: 'the body is no JSON' } };
  return handle({
    method: incoming.method ?? 'GET',
    path: pathname.split('/').filter(Boolean).map(decodeSegment),
    body,
    ask: (host, path, ask = {}) => askOther(incoming.headers, options, agent, host, path, ask),
  });
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment; // Not decodable: taken as it is, and then not found.
  }
}

function askOther(
  from: IncomingHttpHeaders,
  options: AppOptions,
  agent: Agent,
  host: string,
  path: string,
  ask: AskOptions,
): Promise<Answer> {
  const [proxyHost, proxyPort] = options.outbound.split(':');
  const body = ask.body === undefined ? undefined : JSON.stringify(ask.body);
  const headers: Record<string, string> = { host, accept: 'application/json' };
  for (const name of HANDED_ON) {
    const value = from[name];
    if (typeof value === 'string') headers[name] = value;
  }
  if (body !== undefined) headers['content-type'] = 'application/json';
  return new Promise((resolve) => {
    const failed = (error: Error): void =>
      resolve({ status: 502, body: { error: `cannot ask ${host}: ${error.message}` } });
    const outgoing = request(
      {
        host: proxyHost,
        port: proxyPort,
        agent,
        path,
        method: ask.method ?? 'GET',
        headers,
        timeout: ASK_TIMEOUT_MS,
      },
      (response) => {
        readJson(response).then(
          (read) => resolve({ status: response.statusCode ?? 502, body: read ?? null }),
          failed,
        );
      },
    );
    outgoing.once('error', failed);
    outgoing.once('timeout', () => outgoing.destroy(new Error('no answer in time')));
    outgoing.end(body);
  });
}

/** The JSON of a message; null without a body, undefined when it is no JSON. */
async function readJson(message: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) throw new Error('the body is longer than 1 MiB');
    chunks.push(chunk);
  }
  if (bytes === 0) return null;
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    return undefined;
  }
}

function send(response: ServerResponse, result: Answer): void {
  const body = `${JSON.stringify(result.body)}\n`;
  response.writeHead(result.status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
}
