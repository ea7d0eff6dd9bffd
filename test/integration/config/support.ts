import { type Server, type Socket, connect as connectTcp, createServer } from 'node:net';
import type { ChangeSetRequest, ChangeSetResponse } from '#contracts/api/config.ts';
import type { Heartbeat, Receipt, ReceiptResult } from '#contracts/events.ts';
import type { ProblemDetails } from '#contracts/problems.ts';
import { meshSubjects } from '#contracts/subjects.ts';
import { createServiceLog } from '#platform/service-log.ts';
import { encodeJson } from '#platform/nats.ts';
import { natsUrl } from '#test/parts.ts';
import { until } from '#test/processes.ts';
import { type NatsConnection, connect } from 'nats';
import { onTestFinished } from 'vitest';
import {
  type ConfigService,
  type ConfigServiceOptions,
  startConfigService,
} from '../../../services/config/service.ts';

/** A config service of its own in this process, ready, and stopped after the test. */
export async function startService(
  mesh: string,
  options: Partial<ConfigServiceOptions> = {},
): Promise<ConfigService & { api: Api }> {
  const service = await startConfigService({
    mesh,
    natsUrl: natsUrl(),
    listen: '127.0.0.1:0',
    log: createServiceLog({ service: 'config', level: 'silent' }),
    ...options,
  });
  let stopped = false;
  const stop = async (): Promise<void> => {
    if (!stopped) await service.stop();
    stopped = true;
  };
  onTestFinished(stop);
  if (options.natsUrl === undefined) await service.ready;
  return { url: service.url, ready: service.ready, stop, api: new Api(service.url) };
}

/** As `until`, with the patience that a busy machine asks for. */
export function eventually(
  what: string,
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  return until(what, condition, 30_000);
}

export interface Answer<T> {
  status: number;
  body: T;
  type: string;
}

/** The HTTP API as a client sees it: never throws for a status. */
export class Api {
  readonly url: string;

  constructor(url: string) {
    this.url = url;
  }

  async get<T>(path: string, headers: Record<string, string> = {}): Promise<Answer<T>> {
    return this.#read(await fetch(`${this.url}${path}`, { headers }));
  }

  async post<T>(
    path: string,
    body: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer<T>> {
    const response = await fetch(`${this.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
    return this.#read(response);
  }

  /** A change-set that must succeed. */
  async write(
    body: ChangeSetRequest,
    headers: Record<string, string> = {},
  ): Promise<ChangeSetResponse> {
    const answer = await this.post<ChangeSetResponse>('/v1/changesets', body, headers);
    if (answer.status >= 300) {
      throw new Error(`${answer.status}: ${JSON.stringify(answer.body)}`);
    }
    return answer.body;
  }

  /** A change-set that must fail. */
  async refused(body: unknown, headers: Record<string, string> = {}): Promise<ProblemDetails> {
    const answer = await this.post<ProblemDetails>('/v1/changesets', body, headers);
    if (answer.status < 400) throw new Error(`was taken: ${JSON.stringify(answer.body)}`);
    if (answer.type !== 'application/problem+json' || answer.body.status !== answer.status) {
      throw new Error(`no problem details: ${answer.type} ${JSON.stringify(answer.body)}`);
    }
    return answer.body;
  }

  async #read<T>(response: Response): Promise<Answer<T>> {
    const type = (response.headers.get('content-type') ?? '').split(';')[0] ?? '';
    const text = await response.text();
    const body = (/[/+]json$/.test(type) ? JSON.parse(text) : text) as T;
    return { status: response.status, body, type };
  }
}

export const service = (name: string, port = 80, labels?: Record<string, string>): object => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'shop', ...(labels === undefined ? {} : { labels }) },
  spec: { ports: [{ port }] },
});

/** A mesh route of one Service to another. */
export const route = (name: string, parent: string, backend: string): object => ({
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'HTTPRoute',
  metadata: { name, namespace: 'shop' },
  spec: {
    parentRefs: [{ group: '', kind: 'Service', name: parent }],
    rules: [{ backendRefs: [{ name: backend, port: 80 }] }],
  },
});

export const ref = (
  kind: string,
  name: string,
): { kind: string; namespace: string; name: string } => ({ kind, namespace: 'shop', name });

/** A client of the run's NATS, closed after the test. */
export async function natsClient(): Promise<NatsConnection> {
  const connection = await connect({ servers: natsUrl() });
  onTestFinished(() => connection.close());
  return connection;
}

/** Speaks on NATS as a proxy does. */
export class SpokenProxy {
  readonly #connection: NatsConnection;
  readonly #heartbeat: Heartbeat;

  constructor(
    connection: NatsConnection,
    mesh: string,
    proxy: string,
    more: Partial<Heartbeat> = {},
  ) {
    this.#connection = connection;
    this.#heartbeat = {
      mesh,
      proxy,
      instance: `${proxy}-1`,
      role: 'sidecar',
      state: 'up',
      version: '0.1.0',
      workload: 'shop/reviews',
      zone: '',
      labels: {},
      workers: 1,
      revision: { epoch: 1, sequence: 0 },
      logDigest: '',
      startedAt: new Date(Date.now() - 1_000).toISOString(),
      time: new Date().toISOString(),
      ...more,
    };
  }

  async beat(more: Partial<Heartbeat> = {}): Promise<void> {
    const { mesh, proxy } = this.#heartbeat;
    const message = encodeJson({ ...this.#heartbeat, ...more });
    this.#connection.publish(meshSubjects(mesh).heartbeat(proxy), message);
    await this.#connection.flush();
  }

  async receipt(sequence: number, result: ReceiptResult = 'applied'): Promise<void> {
    const { mesh, proxy, instance } = this.#heartbeat;
    const receipt: Receipt = {
      mesh,
      proxy,
      instance,
      revision: { epoch: 1, sequence },
      result,
      logDigest: 'sha256:0',
      problems: [],
      time: new Date().toISOString(),
      lagMs: 1,
      applyMs: 1,
    };
    await this.#connection
      .jetstream()
      .publish(meshSubjects(mesh).receipt(proxy), encodeJson(receipt));
  }
}

/**
 * A TCP relay in front of NATS that can lose what the server says: how an acknowledgement is lost.
 */
export class Relay {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #target: URL;
  readonly #silences = new Set<() => void>();
  #loseAfter: string | undefined;
  port = 0;

  constructor() {
    this.#target = new URL(natsUrl());
    this.#server = createServer((client) => this.#relay(client));
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  async listen(port = 0): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.listen(port, '127.0.0.1', resolve);
    });
    const address = this.#server.address();
    this.port = typeof address === 'object' && address !== null ? address.port : port;
    onTestFinished(() => this.close());
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Connections that stand now stay open and carry nothing more to the client. */
  silence(): void {
    for (const silence of this.#silences) silence();
    this.#silences.clear();
  }

  /** The next message to this subject reaches the server; its answer is lost with the link. */
  loseAnswerTo(subject: string): void {
    this.#loseAfter = subject;
  }

  #relay(client: Socket): void {
    const server = connectTcp(Number(this.#target.port), this.#target.hostname);
    let deaf = false;
    let silent = false;
    this.#silences.add(() => (silent = true));
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
      socket.on('error', () => other.destroy());
    }
    client.on('data', (chunk) => {
      server.write(chunk);
      if (this.#loseAfter === undefined || !chunk.includes(`PUB ${this.#loseAfter} `)) return;
      this.#loseAfter = undefined;
      deaf = true;
      // The server had the message when it answers the next thing it is asked.
      server.write('PING\r\n');
    });
    server.on('data', (chunk) => {
      if (silent) return;
      if (!deaf) client.write(chunk);
      else if (chunk.includes('PONG')) client.destroy();
    });
  }
}
