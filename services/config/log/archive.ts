import type { KeptMessage } from '#contracts/backup.ts';
import {
  ARCHIVE_PREFIX,
  type ArchiveChunk,
  archiveChunk,
  archiveName,
} from '#contracts/snapshot.ts';
import { keep, readKept } from '#platform/config-log/kept.ts';
import type { ObjectStore } from '#platform/objects.ts';

/** A chunk holds no more than this, or one message. */
export const CHUNK_MESSAGES_MAX = 1_000;
const CHUNK_BYTES_MAX = 4 * 1024 * 1024;

type Message = { sequence: number; data: Uint8Array };

/**
 * Messages that were taken out of a config log, in the object store. Nothing in it is changed or
 * removed: a chunk that is written again, by another service or after a crash, stands beside.
 */
export class Archive {
  readonly #objects: Pick<ObjectStore, 'put' | 'get' | 'list'>;
  #chunks: ArchiveChunk[] | undefined;
  /** The chunk that was read last: whoever reads one message mostly reads the next. */
  #open: { name: string; messages: Map<number, KeptMessage> } | undefined;

  constructor(objects: Pick<ObjectStore, 'put' | 'get' | 'list'>) {
    this.#objects = objects;
  }

  /** Takes every message of a range, missing ones too. Throws what NATS says. */
  async write(messages: AsyncIterable<Message>, range: { last: number; nowMs: number }) {
    let lines: string[] = [];
    let bytes = 0;
    let first: number | undefined;
    const store = async (last: number): Promise<void> => {
      const name = archiveName({ first: first ?? last, last, writtenMs: range.nowMs });
      await this.#objects.put(name, Buffer.from(lines.join('')));
      [lines, bytes, first] = [[], 0, last + 1];
    };
    for await (const { sequence, data } of messages) {
      first ??= sequence;
      const line = `${JSON.stringify(keep(sequence, data))}\n`;
      const isFull = lines.length >= CHUNK_MESSAGES_MAX || bytes + line.length > CHUNK_BYTES_MAX;
      if (isFull && lines.length > 0) await store(sequence - 1);
      lines.push(line);
      bytes += line.length;
    }
    await store(range.last);
    this.#chunks = undefined;
  }

  /** True when it holds what the log had at a sequence. */
  async covers(sequence: number): Promise<boolean> {
    return (await this.#chunkOf(sequence)) !== undefined;
  }

  /** Undefined when it does not have it. Throws what NATS says, or that a chunk is damaged. */
  async message(sequence: number): Promise<Uint8Array | undefined> {
    const chunk = await this.#chunkOf(sequence);
    if (chunk === undefined) return undefined;
    if (this.#open?.name !== chunk.name) this.#open = await this.#read(chunk.name);
    const kept = this.#open.messages.get(sequence);
    return kept === undefined ? undefined : readKept(kept).data;
  }

  async #chunkOf(sequence: number): Promise<ArchiveChunk | undefined> {
    const known = latestWith(sequence, this.#chunks ?? []);
    if (known !== undefined) return known;
    const names = await this.#objects.list(ARCHIVE_PREFIX);
    this.#chunks = names.flatMap((name) => archiveChunk(name) ?? []);
    return latestWith(sequence, this.#chunks);
  }

  async #read(name: string): Promise<{ name: string; messages: Map<number, KeptMessage> }> {
    const data = await this.#objects.get(name);
    if (data === undefined) throw new Error(`${name} of the config log’s archive is damaged`);
    const lines = new TextDecoder().decode(data).split('\n').filter(Boolean);
    const messages = lines.map((line) => JSON.parse(line) as KeptMessage);
    return { name, messages: new Map(messages.map((kept) => [kept.sequence, kept])) };
  }
}

function latestWith(sequence: number, chunks: readonly ArchiveChunk[]): ArchiveChunk | undefined {
  return chunks
    .filter(({ first, last }) => first <= sequence && sequence <= last)
    .reduce<ArchiveChunk | undefined>(
      (latest, chunk) => (chunk.writtenMs >= (latest?.writtenMs ?? 0) ? chunk : latest),
      undefined,
    );
}
