import { createHash } from 'node:crypto';
import { SNAPSHOT_PREFIX, type SnapshotHead, snapshotName } from '#contracts/snapshot.ts';
import type { Log } from '../log.ts';
import { decodeJson } from '../message.ts';
import type { ObjectStore } from '../objects.ts';
import type { Signer, Trust } from '../signing.ts';
import { MeshState, type StateEntry } from '../state.ts';

/** A state of a mesh that a reader may begin with. */
export interface Rooted {
  state: MeshState;
  epoch: number;
  /** The last message of the log that is in it. */
  upTo: number;
}

/** A snapshot as it was read. */
export interface Kept extends Rooted {
  /** Its `SnapshotHead`, as text: what is signed of it (proof.ts). */
  head: Uint8Array;
}

export interface SnapshotsOptions {
  objects: Pick<ObjectStore, 'put' | 'get' | 'list' | 'remove'>;
  mesh: string;
  log: Log;
  signer?: Signer | undefined;
  trust?: Trust | undefined;
}

/** So many stay: one may turn out to be damaged. */
const KEPT = 2;
const LINE_END = 0x0a;

/** Whole states in the object store: the root of a log whose beginning was archived. */
export class Snapshots {
  readonly #options: SnapshotsOptions;

  constructor(options: SnapshotsOptions) {
    this.#options = options;
  }

  /** Throws what NATS says. */
  async write({ state, epoch, upTo }: Rooted, time: string): Promise<void> {
    const { objects, mesh, signer } = this.#options;
    const { sequence, digest } = state;
    const entries = Buffer.from(JSON.stringify([...state.entries.values()].sort(byKey)));
    const head: SnapshotHead = {
      ...{ mesh, epoch, sequence, digest, upTo, time },
      entries: createHash('sha256').update(entries).digest('hex'),
    };
    const line = `${JSON.stringify(signer?.sign('snapshot', head) ?? head)}\n`;
    const name = snapshotName(epoch, sequence);
    await objects.put(name, Buffer.concat([Buffer.from(line), entries, Buffer.from('\n')]));
    const names = await objects.list(SNAPSHOT_PREFIX);
    for (const old of names.slice(0, -KEPT)) await objects.remove(old);
  }

  /** Revision of the newest, by its name; undefined when there is none. Throws what NATS says. */
  async newestRevision(): Promise<{ epoch: number; sequence: number } | undefined> {
    const name = (await this.#options.objects.list(SNAPSHOT_PREFIX)).at(-1);
    const match = /(\d+)-(\d+)$/.exec(name ?? '');
    return match === null ? undefined : { epoch: Number(match[1]), sequence: Number(match[2]) };
  }

  /** The newest that is whole and, where keys are trusted, signed. Throws what NATS says. */
  async newest(): Promise<Kept | undefined> {
    const { objects, log } = this.#options;
    for (const name of (await objects.list(SNAPSHOT_PREFIX)).reverse()) {
      const data = await objects.get(name);
      const read = data === undefined ? 'it is gone or damaged' : this.#read(data, name);
      if (typeof read !== 'string') return read;
      log.error({ object: name }, `a snapshot is not used: ${read}`);
    }
    return undefined;
  }

  #read(data: Uint8Array, name: string): Kept | string {
    const { mesh, trust } = this.#options;
    const end = data.indexOf(LINE_END);
    const head = decodeJson(data.subarray(0, end)) as unknown as SnapshotHead | undefined;
    if (end < 0 || head === undefined) return 'it cannot be read';
    if (head.mesh !== mesh) return `it belongs to the mesh ${head.mesh}`;
    const refusal = trust?.refusalOf('snapshot', head);
    if (refusal !== undefined) return `it ${refusal}`;
    const text = data.subarray(end + 1, -1);
    const { epoch, sequence, digest, upTo } = head;
    // Under another name an old one would pass for the newest.
    if (snapshotName(epoch, sequence) !== name) return 'it is another than its name says';
    if (createHash('sha256').update(text).digest('hex') !== head.entries) {
      return 'its resources are not what its head says';
    }
    const entries = JSON.parse(new TextDecoder().decode(text)) as StateEntry[];
    const state = MeshState.restore(entries, sequence);
    if (state.digest !== digest) return 'its digest is another';
    return { state, epoch, upTo, head: data.slice(0, end) };
  }
}

function byKey(a: StateEntry, b: StateEntry): number {
  return a.key < b.key ? -1 : 1;
}
