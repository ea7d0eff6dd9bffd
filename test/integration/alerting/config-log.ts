import { randomUUID } from 'node:crypto';
import { type NatsConnection, StorageType, connect } from 'nats';
import { type ChangeSetEvent, EVENT_SCHEMA } from '#contracts/events.ts';
import type { ResourceRef } from '#contracts/names.ts';
import type { Resource } from '#contracts/resources/index.ts';
import { type MeshSubjects, meshSubjects } from '#contracts/subjects.ts';
import { encodeJson } from '#platform/nats.ts';
import { MeshState } from '#platform/state.ts';
import { natsUrl } from '#test/parts.ts';

/** Writes a mesh's config log in the real NATS as the config service does. */
export class ConfigLogWriter {
  readonly mesh: string;
  readonly subjects: MeshSubjects;
  readonly #connection: NatsConnection;
  #state = new MeshState();

  private constructor(mesh: string, connection: NatsConnection) {
    this.mesh = mesh;
    this.subjects = meshSubjects(mesh);
    this.#connection = connection;
  }

  /** Connects; the stream is made by `create`. */
  static async open(mesh: string): Promise<ConfigLogWriter> {
    return new ConfigLogWriter(mesh, await connect({ servers: natsUrl() }));
  }

  async create(): Promise<void> {
    const manager = await this.#connection.jetstreamManager();
    const { streams, config } = this.subjects;
    const storage = StorageType.File;
    await manager.streams.add({ name: streams.config, subjects: [config], storage });
  }

  /** Deletes the stream, as an operator's mistake would. */
  async remove(): Promise<void> {
    const manager = await this.#connection.jetstreamManager();
    await manager.streams.delete(this.subjects.streams.config);
    this.#state = new MeshState();
  }

  /** One change-set; `mistake` replaces fields of its event. */
  async apply(
    upserts: Resource[],
    deletes: ResourceRef[] = [],
    mistake: Partial<ChangeSetEvent> = {},
  ): Promise<number> {
    const event: ChangeSetEvent = {
      schema: EVENT_SCHEMA,
      minProxy: '0.1.0',
      mesh: this.mesh,
      epoch: 1,
      id: randomUUID(),
      author: 'test',
      message: '',
      time: new Date().toISOString(),
      upserts,
      deletes,
      previousDigest: this.#state.digest,
      digest: this.#state.digestAfter({ upserts, deletes }),
      ...mistake,
    };
    const sequence = await this.publish(encodeJson(event));
    if (Object.keys(mistake).length === 0) {
      this.#state.apply({ sequence, time: event.time, upserts, deletes });
    }
    return sequence;
  }

  /** Any message on the log's subject. */
  async publish(data: Uint8Array): Promise<number> {
    return (await this.#connection.jetstream().publish(this.subjects.config, data)).seq;
  }

  get connection(): NatsConnection {
    return this.#connection;
  }

  async stop(): Promise<void> {
    const manager = await this.#connection.jetstreamManager();
    const names = await manager.streams.names().next();
    if (names.includes(this.subjects.streams.config)) await this.remove();
    await this.#connection.close();
  }
}
