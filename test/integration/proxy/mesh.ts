import { randomUUID } from 'node:crypto';
import {
  type NatsConnection,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
  type StreamInfo,
  connect,
} from 'nats';
import type { Endpoint, Heartbeat, Receipt } from '#contracts/events.ts';
import type { Resource } from '#contracts/resources/index.ts';
import { meshSubjects } from '#contracts/subjects.ts';
import { decodeJson, encodeJson } from '#platform/nats.ts';
import { eventually } from '#test/eventually.ts';
import { uniqueMesh } from '#test/parts.ts';
import { onTestFinished } from 'vitest';
import { LogWriter } from '../../unit/proxy/snapshot/log.ts';

/** The config service's side of a mesh, as the contracts have it. */
export class TestMesh {
  readonly name: string;
  readonly log: LogWriter;
  readonly receipts: Receipt[] = [];
  readonly heartbeats: Heartbeat[] = [];
  readonly connection: NatsConnection;

  private constructor(name: string, connection: NatsConnection) {
    this.name = name;
    this.log = new LogWriter(name);
    this.connection = connection;
    const subjects = meshSubjects(name);
    connection.subscribe(subjects.allReceipts, {
      callback: (_error, message) =>
        this.receipts.push(decodeJson(message.data) as unknown as Receipt),
    });
    connection.subscribe(subjects.allHeartbeats, {
      callback: (_error, message) =>
        this.heartbeats.push(decodeJson(message.data) as unknown as Heartbeat),
    });
  }

  static async start(url: string, options: { streams?: boolean } = {}): Promise<TestMesh> {
    const connection = await connect({
      servers: url,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 100,
    });
    onTestFinished(() => connection.close());
    const mesh = new TestMesh(uniqueMesh(), connection);
    if (options.streams !== false) await mesh.createStreams();
    return mesh;
  }

  async createStreams(): Promise<void> {
    const { streams, config, allEndpoints } = meshSubjects(this.name);
    await this.#create({ name: streams.config, subjects: [config] });
    await this.#create({
      ...{ name: streams.endpoints, subjects: [allEndpoints], max_msgs_per_subject: 1 },
    });
    await this.createReceipts();
    onTestFinished(async () => {
      if (this.connection.isClosed()) return;
      const manager = await this.connection.jetstreamManager({ checkAPI: false });
      for (const name of Object.values(streams)) {
        await manager.streams.delete(name).catch(() => undefined); // Deleted by the test itself.
      }
    });
  }

  /** In memory, so that a restart of the server takes it away. */
  async createReceipts(): Promise<void> {
    const { streams, allReceipts } = meshSubjects(this.name);
    await this.#create({
      ...{ name: streams.receipts, subjects: [allReceipts], storage: StorageType.Memory },
    });
  }

  /** Also while the link is coming back: a request that is lost with it is made again. */
  async #create(config: Partial<StreamConfig> & { name: string }): Promise<void> {
    const make = async (): Promise<StreamInfo> => {
      const manager = await this.connection.jetstreamManager({ checkAPI: false, timeout: 2_000 });
      return manager.streams.add({ retention: RetentionPolicy.Limits, ...config });
    };
    await eventually(make, { timeoutMs: 20_000, what: `the stream ${config.name}` });
  }

  /** Publishes a change-set; answers its sequence. */
  async apply(upserts: Resource[], deletes: Resource[] = []): Promise<number> {
    const refs = deletes.map(({ kind, metadata }) => ({ ...metadata, kind }));
    return this.publish(this.log.write(upserts, refs));
  }

  async publish(event: object): Promise<number> {
    const { config } = meshSubjects(this.name);
    const options = { timeout: 1_000, msgID: randomUUID() };
    const ack = await eventually(
      () => this.connection.jetstream().publish(config, encodeJson(event), options),
      { timeoutMs: 20_000, what: 'the event is stored' },
    );
    return ack.seq;
  }

  async endpoints(service: string, endpoints: Partial<Endpoint>[]): Promise<void> {
    const [namespace = '', name = ''] = service.split('/');
    const full = endpoints.map((each) => ({
      ...{ address: '127.0.0.1', port: 0, proxy: '', zone: '' },
      ...each,
    }));
    const message = { mesh: this.name, service, endpoints: full, time: new Date().toISOString() };
    const subject = meshSubjects(this.name).endpoints(namespace, name);
    await this.connection.jetstream().publish(subject, encodeJson(message));
  }

  /** Waits for the receipt of a revision. */
  receipt(proxy: string, sequence: number, timeoutMs = 10_000): Promise<Receipt> {
    return eventually(
      () => this.receipts.find((one) => one.proxy === proxy && one.revision.sequence === sequence),
      { timeoutMs, what: `${proxy}'s receipt of ${sequence}` },
    );
  }
}

export function gateway(ports: number[], name = 'edge'): Resource {
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: { name, namespace: 'shop' },
    spec: {
      gatewayClassName: 'windrose',
      addresses: [{ value: '127.0.0.1' }],
      listeners: ports.map((port) => ({ name: `p${port}`, port, protocol: 'HTTP' })),
    },
  };
}

export function service(name: string): Resource {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'shop' },
    spec: { ports: [{ port: 80 }] },
  };
}

export function slice(name: string, port: number): Resource {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      ...{ name, namespace: 'shop' },
      labels: { 'kubernetes.io/service-name': name },
    },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['127.0.0.1'] }],
    ports: [{ port }],
  };
}

export function route(name: string, backend: string, path = '/', parent = 'edge'): Resource {
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name, namespace: 'shop' },
    spec: {
      parentRefs: [{ name: parent }],
      rules: [
        {
          matches: [{ path: { type: 'PathPrefix', value: path } }],
          backendRefs: [{ name: backend, port: 80 }],
        },
      ],
    },
  };
}
