import {
  appendFileSync,
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { NO_REVISION } from '#contracts/revision.ts';
import type { TelemetryIdentity } from '../types.ts';
import type { NumberedBlock, Stream } from './protocol.ts';

/** Who a ledger is about. */
export interface LedgerOwner extends Pick<
  TelemetryIdentity,
  'mesh' | 'proxy' | 'instance' | 'worker'
> {
  stream: Stream;
}

export interface LedgerState {
  owner: LedgerOwner;
  /** Of the newest closed block: its number and the totals after it. */
  lastSeq: number;
  served: number;
  sampledOut: number;
  logEpoch: number;
  schema: number;
  acked: number;
  dropped: number;
  /** Rows of the blocks that are neither acknowledged nor dropped, by number. */
  waiting: Map<number, number>;
  /** The worker's shipper thread was up: CRASH_BOUND_ROWS holds. */
  steady: boolean;
  /** The worker ended cleanly, only Kafka did not take the rest in time: nothing was open. */
  ended: boolean;
}

const COMPACT_AT_BYTES = 64 * 1024;
export const SUFFIX = '.ledger';

export function ledgerDirOf(dataDir: string): string {
  return path.join(dataDir, 'ledger');
}

/**
 * What one worker closed, sent and dropped of one stream, as lines that outlive its process: a
 * line is handed to the operating system before the block it speaks of is sent, so a killed
 * process loses none (a killed machine may). Written by the shipper thread only.
 */
export class Ledger {
  readonly state: LedgerState;
  readonly #file: string;
  readonly #failed: (error: unknown) => void;
  #fd: number;
  #bytes = 0;
  /** The file lacks lines that the disk did not take. */
  #isBehind = false;

  private constructor(file: string, state: LedgerState, failed: (error: unknown) => void) {
    this.#file = file;
    this.state = state;
    this.#failed = failed;
    this.#fd = openSync(file, 'a');
  }

  /** Makes the file when the worker starts, so that even its first second is accounted for. */
  static create(dir: string, owner: LedgerOwner): void {
    mkdirSync(dir, { recursive: true });
    appendFileSync(fileOf(dir, owner), headLine(owner));
  }

  /**
   * Goes on with a ledger that `create` made; one that is gone is made anew. `failed` hears of each
   * line that the disk did not take.
   */
  static open(dir: string, owner: LedgerOwner, failed: (error: unknown) => void): Ledger {
    const file = fileOf(dir, owner);
    const state = readLedger(file);
    if (state !== undefined) return new Ledger(file, state, failed);
    Ledger.create(dir, owner);
    return new Ledger(file, emptyState(owner), failed);
  }

  closed(block: Omit<NumberedBlock, 'bytes'>): void {
    const { seq, rows, served, sampledOut, logEpoch, schema } = block;
    this.#write(`closed ${seq} ${rows} ${served} ${sampledOut} ${logEpoch} ${schema}`);
  }

  acked(seq: number, rows: number): void {
    this.#write(`acked ${seq} ${rows}`);
  }

  dropped(seq: number, rows: number): void {
    this.#write(`dropped ${seq} ${rows}`);
  }

  steady(): void {
    this.#write('steady');
  }

  ended(): void {
    this.#write('ended');
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** Kafka has the worker's last message: nothing is left to tell. */
  remove(): void {
    this.close();
    rmSync(this.#file, { force: true });
  }

  /**
   * A disk that is full ends no proxy: the state goes on in memory, and once the disk takes it the
   * file is written anew, which mends a line that was cut off.
   */
  #write(line: string): void {
    applyLine(this.state, line);
    try {
      if (this.#isBehind) this.#compact();
      else this.#bytes += writeSync(this.#fd, `${line}\n`);
      if (this.#bytes > COMPACT_AT_BYTES) this.#compact();
      this.#isBehind = false;
    } catch (error) {
      this.#isBehind = true;
      this.#failed(error);
    }
  }

  /** Replaces the file by a short one that says the same. */
  #compact(): void {
    const { owner, lastSeq, served, sampledOut, logEpoch, schema } = this.state;
    const { acked, dropped, waiting, steady } = this.state;
    const lines = [
      ...(steady ? ['steady'] : []),
      `total ${acked} ${dropped}`,
      ...[...waiting].map(([seq, rows]) => `waiting ${seq} ${rows}`),
      `closed ${lastSeq} 0 ${served} ${sampledOut} ${logEpoch} ${schema}`,
    ];
    const text = `${headLine(owner)}${lines.join('\n')}\n`;
    writeFileSync(`${this.#file}.new`, text);
    renameSync(`${this.#file}.new`, this.#file);
    closeSync(this.#fd);
    this.#fd = openSync(this.#file, 'a');
    this.#bytes = 0;
  }
}

/** Reads a ledger; undefined when it is absent or does not begin as one. */
export function readLedger(file: string): LedgerState | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  // What stands after the last line end was cut off while it was written.
  const lines = text.split('\n').slice(0, -1);
  const owner = ownerOf(lines[0] ?? '');
  if (owner === undefined) return undefined;
  const state = emptyState(owner);
  for (const line of lines.slice(1)) applyLine(state, line);
  return state;
}

export function isLedger(name: string): boolean {
  return name.endsWith(SUFFIX);
}

function emptyState(owner: LedgerOwner): LedgerState {
  return {
    owner,
    lastSeq: 0,
    served: 0,
    sampledOut: 0,
    logEpoch: NO_REVISION.epoch,
    schema: 1,
    acked: 0,
    dropped: 0,
    waiting: new Map(),
    steady: false,
    ended: false,
  };
}

function applyLine(state: LedgerState, line: string): void {
  const [word = '', ...texts] = line.split(' ');
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = texts.map(Number);
  switch (word) {
    case 'closed':
      state.lastSeq = a;
      state.served = c;
      state.sampledOut = d;
      state.logEpoch = e;
      state.schema = f;
      if (b > 0) state.waiting.set(a, b);
      break;
    case 'acked':
      state.waiting.delete(a);
      state.acked += b;
      break;
    case 'dropped':
      state.waiting.delete(a);
      state.dropped += b;
      break;
    case 'waiting':
      state.waiting.set(a, b);
      break;
    case 'total':
      state.acked = a;
      state.dropped = b;
      break;
    case 'steady':
      state.steady = true;
      break;
    case 'ended':
      state.ended = true;
      break;
    default: // A line of a later version says nothing that this one counts.
  }
}

export function fileOf(dir: string, owner: LedgerOwner): string {
  return path.join(dir, `${owner.instance}.${owner.worker}.${owner.stream}${SUFFIX}`);
}

function headLine(owner: LedgerOwner): string {
  const { mesh, proxy, instance, worker, stream } = owner;
  return `${JSON.stringify({ windrose: 'ledger', mesh, proxy, instance, worker, stream })}\n`;
}

function ownerOf(line: string): LedgerOwner | undefined {
  let head: unknown;
  try {
    head = JSON.parse(line);
  } catch {
    return undefined; // No ledger, or cut off in its first line.
  }
  if (typeof head !== 'object' || head === null || !('windrose' in head)) return undefined;
  const { windrose, mesh, proxy, instance, worker, stream } = head as Record<string, unknown>;
  const known =
    windrose === 'ledger' &&
    typeof mesh === 'string' &&
    typeof proxy === 'string' &&
    typeof instance === 'string' &&
    typeof worker === 'number' &&
    (stream === 'access' || stream === 'metrics');
  return known ? { mesh, proxy, instance, worker, stream } : undefined;
}
