import { createHash, hash as hashOnce } from 'node:crypto';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ServiceEndpoints } from '#contracts/events.ts';
import type { Clock, Timer } from '#platform/clock.ts';
import { type Log, sentenceOf } from '#platform/log.ts';
import { MeshState, type StateEntry } from '#platform/state.ts';

/** The form of the file; a file of another form is not read. */
const FORMAT = 1;
const CURRENT = 'snapshot.json';
const PREVIOUS = 'snapshot.previous.json';
const DAMAGED = 'snapshot.damaged.json';
/** At most one write in this time; the newest state is always written in the end. */
const WRITE_INTERVAL_MS = 1_000;
/**
 * Entries made into text at once: between two such pieces the event loop turns, so that a state of
 * many thousand resources holds up no request.
 */
const PIECE_ENTRIES = 64;

/** The last state that was brought into service, with the endpoints of that time. */
export interface StoredSnapshot {
  epoch: number;
  state: MeshState;
  endpoints: ServiceEndpoints[];
}

interface SnapshotFile {
  format: typeof FORMAT;
  mesh: string;
  epoch: number;
  sequence: number;
  digest: string;
  entries: StateEntry[];
  endpoints: ServiceEndpoints[];
}

export interface StoreOptions {
  dir: string;
  mesh: string;
  clock: Clock;
  log: Log;
}

/**
 * The last good snapshot on disk, from which a proxy starts when NATS is away. The first line of
 * the file is the SHA-256 of the rest; the file before is kept, so that a crash or a full disk at
 * any moment leaves one that is whole.
 */
export class SnapshotStore {
  readonly #options: StoreOptions;
  #next: (() => StoredSnapshot | undefined) | undefined;
  #timer: Timer | undefined;
  #writing: Promise<void> = Promise.resolve();
  #lastWriteMs = Number.NEGATIVE_INFINITY;

  constructor(options: StoreOptions) {
    this.#options = options;
  }

  /** The newest snapshot that is whole; undefined when there is none. */
  async load(): Promise<StoredSnapshot | undefined> {
    for (const name of [CURRENT, PREVIOUS]) {
      const file = path.join(this.#options.dir, name);
      try {
        const stored = this.#read(await readFile(file, 'utf8'));
        if (stored !== undefined) return stored;
        this.#options.log.error({ file }, 'the snapshot on disk is damaged');
        // Out of the way, or the next write would put it in the place of the one before.
        await rename(file, path.join(this.#options.dir, DAMAGED));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue;
        this.#options.log.error({ file, error: sentenceOf(error) }, 'cannot read the snapshot');
      }
    }
    return undefined;
  }

  /**
   * Writes soon; `snapshot` is asked when the time comes, so that it is the newest. What it gives
   * is written over several turns of the event loop: a clone of a state that goes on.
   */
  save(snapshot: () => StoredSnapshot | undefined): void {
    this.#next = snapshot;
    if (this.#timer !== undefined) return;
    const sinceMs = this.#options.clock.nowMs() - this.#lastWriteMs;
    this.#timer = this.#options.clock.after(Math.max(0, WRITE_INTERVAL_MS - sinceMs), () => {
      this.#timer = undefined;
      this.#writeNow();
    });
  }

  /** Resolves when what was saved is on disk. */
  async flush(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#writeNow();
    await this.#writing;
  }

  /** After the write under way, with what is newest then: a slow disk holds one text at most. */
  #writeNow(): void {
    if (this.#next === undefined) return;
    this.#lastWriteMs = this.#options.clock.nowMs();
    this.#writing = this.#writing
      .then(() => this.#writeNext())
      .catch((error: unknown) => {
        this.#options.log.error(
          { error: sentenceOf(error) },
          'the snapshot could not be written; the one before stays',
        );
      });
  }

  async #writeNext(): Promise<void> {
    const snapshot = this.#next?.();
    this.#next = undefined;
    if (snapshot === undefined) return;
    await this.#write(await this.#serialise(snapshot));
  }

  /** In pieces; nobody may change the state meanwhile. */
  async #serialise(snapshot: StoredSnapshot): Promise<string[]> {
    const head: Omit<SnapshotFile, 'entries'> = {
      format: FORMAT,
      mesh: this.#options.mesh,
      epoch: snapshot.epoch,
      sequence: snapshot.state.sequence,
      digest: snapshot.state.digest,
      endpoints: snapshot.endpoints,
    };
    const pieces = [`${JSON.stringify(head).slice(0, -1)},"entries":[`];
    const entries = [...snapshot.state.entries.values()];
    const sum = createHash('sha256').update(pieces[0] ?? '');
    for (let at = 0; at < entries.length; at += PIECE_ENTRIES) {
      const texts = entries.slice(at, at + PIECE_ENTRIES).map((entry) => JSON.stringify(entry));
      const piece = `${at === 0 ? '' : ','}${texts.join(',')}`;
      sum.update(piece);
      pieces.push(piece);
      await nextTurn();
    }
    pieces.push(']}');
    return [`${sum.update(']}').digest('hex')}\n`, ...pieces, '\n'];
  }

  async #write(pieces: readonly string[]): Promise<void> {
    const { dir } = this.#options;
    await mkdir(dir, { recursive: true });
    const current = path.join(dir, CURRENT);
    const temporary = `${current}.tmp`;
    const handle = await open(temporary, 'w', 0o600);
    try {
      await handle.writeFile(pieces);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(current, path.join(dir, PREVIOUS)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
    await rename(temporary, current);
    const folder = await open(dir, 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }

  #read(text: string): StoredSnapshot | undefined {
    const line = text.indexOf('\n');
    const body = text.slice(line + 1, -1);
    if (line < 0 || text.slice(0, line) !== sha256(body)) return undefined;
    const file = JSON.parse(body) as SnapshotFile;
    if (file.format !== FORMAT || file.mesh !== this.#options.mesh) return undefined;
    const state = MeshState.restore(file.entries, file.sequence);
    if (state.digest !== file.digest) return undefined;
    return { epoch: file.epoch, state, endpoints: file.endpoints };
  }
}

function sha256(text: string): string {
  return hashOnce('sha256', text);
}
