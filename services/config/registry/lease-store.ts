import { ErrorCode, type KV, type NatsConnection, NatsError, StorageType } from 'nats';
import type { MeshSubjects } from '#contracts/subjects.ts';
import { decodeJson, encodeJson, isWrongLastSequence } from '#platform/nats.ts';
import type { LeaseRecord, LeaseStore } from './lease.ts';

export interface KvLeaseOptions {
  connection: NatsConnection;
  subjects: MeshSubjects;
  /** This process, as the record names it. */
  id: string;
  /** Copies that a new bucket has. */
  replicas: number;
  /** The holder has given the lease back. */
  onReleased: () => void;
}

const KEY = 'registry';
const ANSWER_MS = 500;
/** Well below the time that a renewal is worth. */
const STORE_MS = 1_500;

/** The lease as the one key of a JetStream bucket, which is made where it is missing. */
export class KvLeaseStore implements LeaseStore {
  readonly #options: KvLeaseOptions;
  readonly #unsubscribe: () => void;
  #bucket: Promise<KV> | undefined;

  constructor(options: KvLeaseOptions) {
    this.#options = options;
    const { connection, subjects, id, onReleased } = options;
    const alive = connection.subscribe(subjects.leaseHolder(id), {
      callback: (error, message) => {
        if (error === null) message.respond(encodeJson({ holder: id }));
      },
    });
    // What is put into a bucket is a message like any other. Only to be quick: nobody relies on it.
    const puts = connection.subscribe(`$KV.${subjects.lease}.${KEY}`, {
      callback: (error, message) => {
        if (error === null && decodeJson(message.data)?.['holder'] === '') onReleased();
      },
    });
    this.#unsubscribe = () => {
      if (connection.isClosed()) return;
      alive.unsubscribe();
      puts.unsubscribe();
    };
  }

  async read(): Promise<{ record: LeaseRecord; revision: number } | undefined> {
    const entry = await this.#with((bucket) => bucket.get(KEY));
    if (entry === null) return undefined;
    // A record that somebody deleted, or wrote by hand, is nobody's.
    const holder = decodeJson(entry.value)?.['holder'];
    return {
      record: { holder: typeof holder === 'string' ? holder : '' },
      revision: entry.revision,
    };
  }

  async write(record: LeaseRecord, revision: number): Promise<number | undefined> {
    try {
      return await this.#with((bucket) =>
        bucket.put(KEY, encodeJson(record), { previousSeq: revision }),
      );
    } catch (error) {
      if (isWrongLastSequence(error)) return undefined;
      throw error;
    }
  }

  async isAway(holder: string): Promise<boolean> {
    const { connection, subjects } = this.#options;
    try {
      await connection.request(subjects.leaseHolder(holder), undefined, { timeout: ANSWER_MS });
      return false;
    } catch (error) {
      // Silence is not absence: it may be slow, or stopped for a moment.
      const code: string = error instanceof NatsError ? error.code : '';
      return code === ErrorCode.NoResponders;
    }
  }

  stop(): void {
    this.#unsubscribe();
  }

  async #with<T>(use: (bucket: KV) => Promise<T>): Promise<T> {
    const { connection, subjects, replicas } = this.#options;
    this.#bucket ??= connection.jetstream({ timeout: STORE_MS }).views.kv(subjects.lease, {
      description: 'Windrose: which config service writes endpoints',
      history: 1,
      replicas,
      storage: StorageType.File,
    });
    try {
      return await use(await this.#bucket);
    } catch (error) {
      // The bucket itself may be gone: the next use makes it again.
      if (!isWrongLastSequence(error)) this.#bucket = undefined;
      throw error;
    }
  }
}
