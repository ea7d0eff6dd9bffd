import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually } from '#test/eventually.ts';
import { tempDir } from '#test/parts.ts';
import { onTestFinished } from 'vitest';

const MAIN = fileURLToPath(new URL('../../../proxy/main.mjs', import.meta.url));

export interface ProxyProcess {
  child: ChildProcess;
  dataDir: string;
  stdout(): string;
  stderr(): string;
  /** Lines of the log, parsed. */
  log(): Record<string, unknown>[];
  ready(timeoutMs?: number): Promise<void>;
  /** Resolves with the exit status, or the signal that ended it. */
  exited: Promise<number | string>;
  stop(): Promise<number | string>;
  admin(path: string, method?: string): Promise<{ status: number; body: string }>;
}

/**
 * A proxy as people start it, in an unsigned mesh unless it is told whom to believe. It is killed
 * after the test if it still runs.
 */
export function startProxy(
  args: readonly string[],
  options: { dataDir?: string; env?: NodeJS.ProcessEnv; descriptors?: number } = {},
): ProxyProcess {
  const dataDir = options.dataDir ?? tempDir();
  const { NATS_URL: _nats, KAFKA_BROKERS: _kafka, ...env } = process.env;
  const command = [process.execPath, MAIN, ...args, '--data-dir', dataDir];
  // A limit of the system is the shell's to set; with exec the proxy takes its place.
  const limit = `ulimit -n ${options.descriptors ?? 'unlimited'}; exec "$0" "$@"`;
  const [file = '', ...rest] =
    options.descriptors === undefined ? command : ['sh', '-c', limit, ...command];
  const child = spawn(file, rest, {
    env: { WINDROSE_INSECURE_UNSIGNED: String(!args.some(isTrust)), ...env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const exited = once(child, 'close').then(([code, signal]) => (signal ?? code) as number | string);
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  const proxy: ProxyProcess = {
    ...{ child, dataDir, exited },
    stdout: () => stdout,
    stderr: () => stderr,
    log: () => stderr.split('\n').flatMap(parseLine),
    ready: async (timeoutMs = 30_000) => {
      await eventually(
        () => {
          if (child.exitCode !== null) throw new Error(`the proxy ended: ${stderr}`);
          return stdout.split('\n').includes('ready') || undefined;
        },
        { timeoutMs, what: 'the proxy is ready' },
      );
    },
    stop: () => {
      child.kill('SIGTERM');
      return exited;
    },
    admin: (url, method = 'GET') =>
      fetchOnce({ socketPath: path.join(dataDir, 'admin.sock'), path: url, method }),
  };
  return proxy;
}

function parseLine(line: string): Record<string, unknown>[] {
  if (!line.startsWith('{')) return [];
  return [JSON.parse(line) as Record<string, unknown>];
}

export interface Fetched {
  status: number;
  body: string;
  headers: http.IncomingHttpHeaders;
}

/** One request; rejects when the connection fails or the answer breaks off. */
export function fetchOnce(options: http.RequestOptions, body?: string): Promise<Fetched> {
  return new Promise((resolve, reject) => {
    const request = http.request({ agent: false, host: '127.0.0.1', ...options }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('error', reject);
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, body: text, headers: response.headers });
      });
    });
    request.on('error', reject).end(body);
  });
}

/** A real HTTP server that answers with its name and the headers that it got. */
export async function startApp(
  name: string,
  handler?: http.RequestListener,
): Promise<{ port: number; seen: http.IncomingMessage[]; server: http.Server }> {
  const seen: http.IncomingMessage[] = [];
  const server = http.createServer((request, response) => {
    seen.push(request);
    if (handler !== undefined) handler(request, response);
    else response.end(JSON.stringify({ name, headers: request.headers, url: request.url }));
  });
  // A thousand connections at once, of an attack, are not to fail for want of a queue.
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 });
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return { port: typeof address === 'object' ? (address?.port ?? 0) : 0, seen, server };
}

/** Requests one after the other on each of several kept connections, until told to stop. */
export class Load {
  readonly failures: string[] = [];
  readonly statuses = new Map<number, number>();
  sent = 0;
  readonly #agent: http.Agent;
  readonly #loops: Promise<void>[];
  #stopped = false;

  constructor(options: http.RequestOptions, connections: number) {
    this.#agent = new http.Agent({ keepAlive: true, maxSockets: connections });
    this.#loops = Array.from({ length: connections }, () => this.#loop(options));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#loops);
    this.#agent.destroy();
  }

  async #loop(options: http.RequestOptions): Promise<void> {
    while (!this.#stopped) {
      try {
        const { status } = await fetchOnce({ ...options, agent: this.#agent });
        this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
      } catch (error) {
        this.failures.push(error instanceof Error ? error.message : String(error));
      }
      this.sent++;
    }
  }
}

/** A flag that says whose signatures count: without one the mesh is unsigned. */
function isTrust(arg: string): boolean {
  return arg === '--trust' || arg === '--credential';
}
