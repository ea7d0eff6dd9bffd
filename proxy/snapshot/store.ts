import { type Hmac, createHash, hash as hashOnce, timingSafeEqual } from 'node:crypto';
import { mkdir, readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ServiceEndpoints } from '#contracts/events.ts';
import type { Clock, Timer } from '#platform/clock.ts';
import { distrustOfState } from '#platform/config-log/proof.ts';
import { type Log, sentenceOf } from '#platform/log.ts';
import { replaceFile } from '#platform/replace-file.ts';
import type { Trust } from '#platform/signing.ts';
import { MeshState, type StateEntry } from '#platform/state.ts';
import type { HeldVersions } from '../quarantine/quarantine.ts';

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

const NOTHING_HELD: HeldVersions = { kept: [], withheld: [] };

/** The last state that was brought into service, with the endpoints of that time. */
export interface StoredSnapshot {
  epoch: number;
  state: MeshState;
  /** What of the state is not served as it stands there. */
  held: HeldVersions;
  endpoints: ServiceEndpoints[];
  /** What is signed of its digest (config-log/proof.ts); nothing else makes it believed. */
  proof?: Uint8Array | undefined;
}

/** Why a file is not served, in words that follow "it". */
interface RefusedSnapshot {
  why: string;
  isDamaged: boolean;
}

interface SnapshotFile {
  format: typeof FORMAT;
  mesh: string;
  epoch: number;
  sequence: number;
  digest: string;
  entries: StateEntry[];
  held?: HeldVersions;
  endpoints: ServiceEndpoints[];
  /** Base64. */
  proof?: string;
}

export interface StoreOptions {
  dir: string;
  mesh: string;
  clock: Clock;
  log: Log;
  /** Whose signatures are believed; undefined: the mesh is unsigned. */
  trust?: Trust | undefined;
  /** Begins a code over a file that nobody else can make; absent: this proxy has no key. */
  ownCode?: (() => Hmac) | undefined;
  /** A snapshot was not believed, or not all of it. */
  refused: (sentence: string) => void;
}

/**
 * The last good snapshot on disk, from which a proxy starts when NATS is away. The first line of
 * the file is the SHA-256 of the rest; the file before is kept, so that a crash or a full disk at
 * any moment leaves one that is whole. In a signed mesh it also holds the signed message that names
 * its digest: whoever can write the file cannot make up a configuration with it. What no message
 * says, versions of resources that are held back, is taken from a file of this proxy's own alone:
 * behind the checksum stands a code made with the key of its credential.
 */
export class SnapshotStore {
  readonly #options: StoreOptions;
  #next: (() => StoredSnapshot | undefined) | undefined;
  #timer: Timer | undefined;
  #writing: Promise<void> = Promise.resolve();
  /** The current file is no snapshot for this proxy: not to be kept as the one before. */
  #isDistrusted = false;
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
        if (!('why' in stored)) return stored;
        this.#options.refused(`the snapshot ${file} is refused: it ${stored.why}`);
        // What is whole stays until something better is written: a wrong --trust must not cost it.
        if (!stored.isDamaged) this.#isDistrusted ||= name === CURRENT;
        // Out of the way, or the next write would put it in the place of the one before.
        else await rename(file, path.join(this.#options.dir, DAMAGED));
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
      held: snapshot.held,
      endpoints: snapshot.endpoints,
      ...(snapshot.proof === undefined
        ? {}
        : { proof: Buffer.from(snapshot.proof).toString('base64') }),
    };
    const pieces = [`${JSON.stringify(head).slice(0, -1)},"entries":[`];
    const entries = [...snapshot.state.entries.values()];
    const sum = createHash('sha256').update(pieces[0] ?? '');
    const code = this.#options.ownCode?.().update(pieces[0] ?? '');
    for (let at = 0; at < entries.length; at += PIECE_ENTRIES) {
      const texts = entries.slice(at, at + PIECE_ENTRIES).map((entry) => JSON.stringify(entry));
      const piece = `${at === 0 ? '' : ','}${texts.join(',')}`;
      sum.update(piece);
      code?.update(piece);
      pieces.push(piece);
      await nextTurn();
    }
    pieces.push(']}');
    const codes = [sum, code].flatMap((each) => each?.update(']}').digest('hex') ?? []);
    return [`${codes.join(' ')}\n`, ...pieces, '\n'];
  }

  async #write(pieces: readonly string[]): Promise<void> {
    const { dir } = this.#options;
    await mkdir(dir, { recursive: true });
    const before = (): Promise<void> => this.#keepPrevious();
    await replaceFile(path.join(dir, CURRENT), pieces, { mode: 0o600, before });
    this.#isDistrusted = false;
  }

  async #keepPrevious(): Promise<void> {
    if (this.#isDistrusted) return;
    const { dir } = this.#options;
    const kept = rename(path.join(dir, CURRENT), path.join(dir, PREVIOUS));
    await kept.catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
  }

  #read(text: string): StoredSnapshot | RefusedSnapshot {
    const line = text.indexOf('\n');
    const body = text.slice(line + 1, -1);
    const [sum = '', code = ''] = text.slice(0, Math.max(0, line)).split(' ');
    if (sum !== sha256(body)) return damaged('is damaged');
    const file = JSON.parse(body) as SnapshotFile;
    if (file.format !== FORMAT) return damaged('has a form that is not read');
    if (file.mesh !== this.#options.mesh) {
      return { why: `belongs to the mesh ${file.mesh}`, isDamaged: false };
    }
    const state = MeshState.restore(file.entries, file.sequence);
    if (state.digest !== file.digest) return damaged('has another digest than it names');
    const { epoch, endpoints } = file;
    const held = file.held ?? NOTHING_HELD;
    const proof = file.proof === undefined ? undefined : Buffer.from(file.proof, 'base64');
    const stored = { epoch, state, held, endpoints, proof };
    const why = this.#distrust(stored);
    if (why !== undefined) return { why, isDamaged: false };
    return this.#isOwn(body, code) ? stored : this.#withoutHeld(stored);
  }

  #isOwn(body: string, code: string): boolean {
    const { ownCode, trust } = this.#options;
    // Without a key nobody can tell who wrote it; where nothing is signed that protects nothing.
    if (ownCode === undefined) return trust === undefined;
    const made = ownCode().update(body).digest();
    const given = Buffer.from(code, 'hex');
    return given.byteLength === made.byteLength && timingSafeEqual(given, made);
  }

  /** What is held back then has no version to be served: it fails closed. */
  #withoutHeld(stored: StoredSnapshot): StoredSnapshot {
    const { kept, withheld } = stored.held;
    if (kept.length + withheld.length === 0) return stored;
    const why =
      this.#options.ownCode === undefined
        ? 'this proxy has no credential, whose key would tell that it wrote them'
        : 'it was not written with the key of this proxy’s credential';
    this.#options.refused(`the versions that the snapshot holds back are refused: ${why}`);
    return { ...stored, held: NOTHING_HELD };
  }

  #distrust({ epoch, state, proof }: StoredSnapshot): string | undefined {
    const { mesh, trust } = this.#options;
    if (trust === undefined) return undefined;
    if (proof === undefined) return 'is not signed';
    const { sequence, digest } = state;
    return distrustOfState(proof, { mesh, epoch, sequence, digest }, trust);
  }
}

function damaged(why: string): RefusedSnapshot {
  return { why, isDamaged: true };
}

function sha256(text: string): string {
  return hashOnce('sha256', text);
}
