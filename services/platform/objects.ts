import { createHash } from 'node:crypto';
import {
  type JetStreamManager,
  JsHeaders,
  type MsgRequest,
  type NatsConnection,
  type StoredMsg,
  headers,
  nuid,
} from 'nats';
import { objectStore } from '#contracts/subjects.ts';
import { MESSAGE_NOT_FOUND, STREAM_NOT_FOUND, apiErrorOf } from './nats.ts';
import { decodeJson, encodeJson } from './message.ts';

/** What the store tells of an object, as NATS ADR-20 has it. */
interface ObjectMeta {
  name: string;
  bucket: string;
  nuid: string;
  size: number;
  chunks: number;
  /** `SHA-256=` and the digest in base64url. */
  digest: string;
  options: { max_chunk_size: number };
}

/** A message is asked for as base64 in JSON, and stays under 1 MiB that way, too. */
const CHUNK_BYTES = 512 * 1024;
const TIMEOUT_MS = 5_000;

/**
 * One JetStream object store, in the form that the `nats object` tool reads. It is read
 * by requests alone: no consumer that can stall, and an answer or an error within seconds.
 */
export class ObjectStore {
  readonly #connection: NatsConnection;
  readonly #bucket: string;
  readonly #stream: string;
  readonly #chunks: string;
  readonly #metas: string;

  constructor(connection: NatsConnection, bucket: string) {
    const { stream, chunks, metas } = objectStore(bucket);
    this.#connection = connection;
    this.#bucket = bucket;
    this.#stream = stream;
    this.#chunks = chunks;
    this.#metas = metas;
  }

  /** Replaces what had the name; nobody ever sees half of it. Throws what NATS says. */
  async put(name: string, data: Uint8Array): Promise<void> {
    const manager = await this.#manager();
    const old = await this.#meta(manager, name);
    const digest = `SHA-256=${padded(createHash('sha256').update(data).digest('base64url'))}`;
    if (old?.meta.digest === digest) return;
    const id = nuid.next();
    const count = Math.ceil(data.byteLength / CHUNK_BYTES);
    try {
      for (let i = 0; i < count; i++) {
        const chunk = data.subarray(i * CHUNK_BYTES, (i + 1) * CHUNK_BYTES);
        await this.#publish(`${this.#chunks}.${id}`, chunk);
      }
      const meta: ObjectMeta = {
        name,
        bucket: this.#bucket,
        nuid: id,
        size: data.byteLength,
        chunks: count,
        digest,
        options: { max_chunk_size: CHUNK_BYTES },
      };
      await this.#publish(this.#metaSubject(name), encodeJson(meta), true);
    } catch (error) {
      // They would lie there for ever. When even this fails, it is for the same reason.
      await this.#purge(manager, `${this.#chunks}.${id}`).catch(() => undefined);
      throw error;
    }
    if (old !== undefined) await this.#purge(manager, `${this.#chunks}.${old.meta.nuid}`);
  }

  /** Undefined: there is none, or it is not what was put there. Throws what NATS says. */
  async get(name: string): Promise<Uint8Array | undefined> {
    const manager = await this.#manager();
    const found = await this.#meta(manager, name);
    if (found === undefined) return undefined;
    const { meta } = found;
    const parts: Uint8Array[] = [];
    const hash = createHash('sha256');
    for (let from = 1; parts.length < meta.chunks;) {
      const subject = `${this.#chunks}.${meta.nuid}`;
      const message = await this.#message(manager, { seq: from, next_by_subj: subject });
      if (message === undefined) return undefined;
      parts.push(message.data);
      hash.update(message.data);
      from = message.seq + 1;
    }
    const digest = `SHA-256=${padded(hash.digest('base64url'))}`;
    return digest === meta.digest ? Buffer.concat(parts) : undefined;
  }

  /** When it was put there (RFC 3339); undefined: there is none. */
  async timeOf(name: string): Promise<string | undefined> {
    return (await this.#meta(await this.#manager(), name))?.time;
  }

  /** Names that begin so, in order; none where there is no store yet. Throws what NATS says. */
  async list(prefix: string): Promise<string[]> {
    const subjects = await this.#subjects();
    const names = subjects.map((subject) =>
      Buffer.from(subject.slice(this.#metas.length + 1), 'base64url').toString(),
    );
    return names.filter((name) => name.startsWith(prefix)).sort();
  }

  async #subjects(): Promise<string[]> {
    const manager = await this.#manager();
    const query = { subjects_filter: `${this.#metas}.*` };
    try {
      return Object.keys((await manager.streams.info(this.#stream, query)).state.subjects ?? {});
    } catch (error) {
      if (apiErrorOf(error) === STREAM_NOT_FOUND) return [];
      throw error;
    }
  }

  async remove(name: string): Promise<void> {
    const manager = await this.#manager();
    const found = await this.#meta(manager, name);
    if (found === undefined) return;
    // In this order: what is left when the second fails is chunks that nobody names.
    await this.#purge(manager, this.#metaSubject(name));
    await this.#purge(manager, `${this.#chunks}.${found.meta.nuid}`);
  }

  async #meta(
    manager: JetStreamManager,
    name: string,
  ): Promise<{ meta: ObjectMeta; time: string } | undefined> {
    const message = await this.#message(manager, { last_by_subj: this.#metaSubject(name) });
    const value = message === undefined ? undefined : decodeJson(message.data);
    // What the `nats` tool deletes leaves a mark that says so.
    if (message === undefined || value === undefined || value['deleted'] === true) return undefined;
    return { meta: value as unknown as ObjectMeta, time: message.timestamp };
  }

  async #message(
    manager: JetStreamManager,
    query: { seq: number; next_by_subj: string } | { last_by_subj: string },
  ): Promise<StoredMsg | undefined> {
    try {
      return await manager.streams.getMessage(this.#stream, query as MsgRequest);
    } catch (error) {
      if (apiErrorOf(error) === MESSAGE_NOT_FOUND) return undefined;
      throw error;
    }
  }

  async #publish(subject: string, data: Uint8Array, isLast = false): Promise<void> {
    const rollup = headers();
    if (isLast) rollup.set(JsHeaders.RollupHdr, JsHeaders.RollupValueSubject);
    await this.#connection.jetstream().publish(subject, data, {
      expect: { streamName: this.#stream },
      timeout: TIMEOUT_MS,
      ...(isLast ? { headers: rollup } : {}),
    });
  }

  async #purge(manager: JetStreamManager, filter: string): Promise<void> {
    await manager.streams.purge(this.#stream, { filter });
  }

  #metaSubject(name: string): string {
    return `${this.#metas}.${padded(Buffer.from(name).toString('base64url'))}`;
  }

  #manager(): Promise<JetStreamManager> {
    return this.#connection.jetstreamManager({ checkAPI: false, timeout: TIMEOUT_MS });
  }
}

function padded(base64url: string): string {
  return base64url.padEnd(Math.ceil(base64url.length / 4) * 4, '=');
}
