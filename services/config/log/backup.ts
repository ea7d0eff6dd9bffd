import { createHash } from 'node:crypto';
import type { NatsConnection } from 'nats';
import {
  BACKUP_FORMAT,
  BACKUP_VERSION,
  type BackupEnd,
  type BackupStart,
  type KeptMessage,
  type KeptSecret,
  type RestoreRequest,
} from '#contracts/backup.ts';
import type { MeshSubjects } from '#contracts/subjects.ts';
import type { Clock } from '#platform/clock.ts';
import { EventBodies, objectOf } from '#platform/config-log/bodies.ts';
import { keep, readKept } from '#platform/config-log/kept.ts';
import { HttpProblem } from '#platform/http.ts';
import { isWrongLastSequence, natsSentence } from '#platform/nats.ts';
import type { ObjectStore } from '#platform/objects.ts';
import type { ConfigLog } from './config-log.ts';

export interface BackupOptions {
  connection: NatsConnection;
  mesh: string;
  subjects: MeshSubjects;
  log: ConfigLog;
  objects: ObjectStore;
  /** Where the values of Secrets rest. */
  vault: Pick<ObjectStore, 'list' | 'get' | 'put'>;
  clock: Clock;
}

const READ_AHEAD = 16;
const PUBLISH_TIMEOUT_MS = 5_000;
/** Stands where the log that was backed up had lost a message: no reader takes it for anything. */
const PLACEHOLDER = Buffer.from('{}');

/** The whole log of a mesh as one text, and the way back into an empty log. */
export class Backup {
  readonly #options: BackupOptions;
  readonly #objects: ObjectStore;
  readonly #bodies: EventBodies;

  constructor(options: BackupOptions) {
    this.#options = options;
    this.#objects = options.objects;
    this.#bodies = new EventBodies(this.#objects);
  }

  /** Lines of a backup, up to what the log holds now. Throws HttpProblem 503 at first, or later. */
  async *lines(): AsyncGenerator<string> {
    const { log, mesh, clock } = this.#options;
    await this.#readToEnd();
    const { epoch, headSequence: sequence, lastSequence: last } = log.history;
    const end = { epoch, sequence, digest: log.history.state.digest };
    const hash = createHash('sha256');
    const line = (value: object): string => {
      const text = `${JSON.stringify(value)}\n`;
      hash.update(text);
      return text;
    };
    const time = new Date(clock.wallMs()).toISOString();
    const start: BackupStart = { format: BACKUP_FORMAT, version: BACKUP_VERSION, mesh, time };
    yield line(start);
    let messages = 0;
    for (let from = 1; from <= last; from += READ_AHEAD) {
      const count = Math.min(READ_AHEAD, last - from + 1);
      const kept = await Promise.all(Array.from({ length: count }, (_, i) => this.#kept(from + i)));
      for (const message of kept) {
        if (message === undefined) continue;
        messages += 1;
        yield line(message);
      }
    }
    let secrets = 0;
    for await (const secret of this.#secrets()) {
      secrets += 1;
      yield line(secret);
    }
    const trailer: BackupEnd = { messages, secrets, ...end, sha256: hash.digest('hex') };
    yield `${JSON.stringify(trailer)}\n`;
  }

  /**
   * Writes messages where they stood. What the log holds already must be the same, so that an
   * attempt that broke off can be repeated. Answers the last sequence; throws HttpProblem.
   */
  async restore({ messages, secrets = [] }: RestoreRequest): Promise<number> {
    try {
      for (const { secret, base64 } of secrets) {
        await this.#options.vault.put(secret, Buffer.from(base64, 'base64'));
      }
      let last = await this.#options.log.lastStored();
      for (const message of messages) {
        const { data } = readKept(message);
        if (message.sequence <= last) {
          await this.#compare(message.sequence, data);
          continue;
        }
        while (last + 1 < message.sequence) last = await this.#publish(last, PLACEHOLDER);
        const object = objectOf(data);
        if (object !== undefined && message.body !== undefined) {
          await this.#objects.put(object, Buffer.from(message.body));
        }
        last = await this.#publish(last, data);
      }
      return last;
    } catch (error) {
      if (error instanceof HttpProblem) throw error;
      if (isWrongLastSequence(error)) throw occupied('somebody writes to it');
      throw new HttpProblem('unavailable', `the log is not restored: ${natsSentence(error)}`);
    }
  }

  async #readToEnd(): Promise<void> {
    const { log } = this.#options;
    try {
      await log.catchUp();
    } catch (error) {
      throw new HttpProblem('unavailable', `the config log cannot be read: ${natsSentence(error)}`);
    }
    if (log.problem !== undefined) throw new HttpProblem('unavailable', log.problem);
  }

  async #kept(sequence: number): Promise<KeptMessage | undefined> {
    const data = await this.#options.log.message(sequence);
    if (data === undefined) return undefined;
    return keep(sequence, data, await this.#bodies.readBody(data));
  }

  async *#secrets(): AsyncGenerator<KeptSecret> {
    const { vault } = this.#options;
    for (const secret of await vault.list('')) {
      const data = await vault.get(secret);
      if (data === undefined) throw new Error(`the sealed values ${secret} are damaged`);
      yield { secret, base64: Buffer.from(data).toString('base64') };
    }
  }

  async #compare(sequence: number, data: Uint8Array): Promise<void> {
    const found = await this.#options.log.message(sequence);
    if (found === undefined || Buffer.compare(found, data) !== 0) {
      throw occupied(`it has another message ${sequence}`);
    }
  }

  async #publish(last: number, data: Uint8Array): Promise<number> {
    const { connection, subjects } = this.#options;
    const ack = await connection.jetstream().publish(subjects.config, data, {
      expect: { lastSequence: last, streamName: subjects.streams.config },
      timeout: PUBLISH_TIMEOUT_MS,
    });
    return ack.seq;
  }
}

function occupied(why: string): HttpProblem {
  return new HttpProblem('conflict', `a backup goes into an empty config log only: ${why}`);
}
