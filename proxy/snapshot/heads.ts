import type { LogHead } from '#contracts/events.ts';
import { HEAD_INTERVAL_MS } from '#contracts/events.ts';
import {
  NO_REVISION,
  type Revision,
  compareRevisions,
  formatRevision,
} from '#contracts/revision.ts';
import type { Clock, Timer } from '#platform/clock.ts';
import { decodeJson } from '#platform/message.ts';
import type { Trust } from '#platform/signing.ts';
import type { Alarms } from './alarms.ts';

export interface HeadWatchOptions {
  mesh: string;
  /** Undefined: the mesh is unsigned. */
  trust: Trust | undefined;
  clock: Clock;
  alarms: Alarms;
}

/** Two config services' clocks may differ by so much. */
export const HEAD_OLDER_MAX_MS = 120_000;
export const HEAD_SILENT_MS = 3 * HEAD_INTERVAL_MS;
/** A head that was sent before a revision may arrive after it, but not so long after. */
export const HEAD_BEHIND_MS = 5_000;

/**
 * What the config services say of the end of the log, so that a log that is cut short or frozen is
 * noticed although whoever does it holds no key. A head is never an order to go back.
 */
export class HeadWatch {
  readonly #options: HeadWatchOptions;
  /** The newest revision that was read, and when it was. */
  #reached: { revision: Revision; atMs: number } = { revision: NO_REVISION, atMs: 0 };
  /** The latest head, and that with the highest revision. */
  #latestMs = Number.NEGATIVE_INFINITY;
  #newest: LogHead | undefined;
  #shortSeen = 0;
  #timer: Timer | undefined;

  constructor(options: HeadWatchOptions) {
    this.#options = options;
  }

  start(): void {
    this.#waitForNext();
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** The one with the highest revision that was heard. */
  get newest(): LogHead | undefined {
    return this.#newest;
  }

  /** This revision of the log was read. */
  reached(revision: Revision): void {
    if (compareRevisions(revision, this.#reached.revision) <= 0) return;
    this.#reached = { revision, atMs: this.#options.clock.nowMs() };
  }

  /** The head that a message says, when it may be acted on; else undefined, and an alarm. */
  take(data: Uint8Array): LogHead | undefined {
    const head = this.#read(data);
    if (typeof head === 'string') {
      this.#options.alarms.refused('head', `a head of the log is refused: it ${head}`);
      return undefined;
    }
    const { revision } = head;
    // Not newer than what is known: whoever repeats an old one must not hide that no new one comes.
    const timeMs = Date.parse(head.time);
    if (timeMs > this.#latestMs) {
      this.#latestMs = timeMs;
      const before = this.#newest?.revision ?? NO_REVISION;
      if (compareRevisions(revision, before) >= 0) this.#newest = head;
      this.#waitForNext();
    }
    return compareRevisions(revision, this.#reached.revision) < 0 ? undefined : head;
  }

  /** The stream's last message; said twice before it counts: a server may not know all yet. */
  streamEnds(last: number): void {
    const { alarms } = this.#options;
    const said = this.#newest?.revision.sequence ?? 0;
    if (last >= said) {
      this.#shortSeen = 0;
      alarms.clear('log-truncated');
    } else if (++this.#shortSeen > 1) {
      alarms.raise('log-truncated', `the config log ends at ${last}, and its head is at ${said}`);
    }
  }

  /** Words that follow "it" say why it is not believed. */
  #read(data: Uint8Array): LogHead | string {
    const { mesh, trust, clock } = this.#options;
    const value = decodeJson(data);
    if (value === undefined) return 'is no JSON object';
    const refusal = trust?.refusalOf('head', value);
    if (refusal !== undefined) return refusal;
    if (value['mesh'] !== mesh) return `belongs to the mesh ${String(value['mesh'])}`;
    const head = value as unknown as LogHead;
    const timeMs = Date.parse(head.time);
    const { epoch, sequence } = (head.revision ?? {}) as Partial<Revision>;
    const isRevision = Number.isInteger(epoch) && Number.isInteger(sequence);
    if (!isRevision || typeof head.digest !== 'string') {
      return 'names no revision';
    }
    if (!Number.isFinite(timeMs)) return 'has no time';
    if (timeMs < this.#latestMs - HEAD_OLDER_MAX_MS) {
      return `is of ${head.time}, long before the last one`;
    }
    const { revision, atMs } = this.#reached;
    const settled = clock.nowMs() - atMs >= HEAD_BEHIND_MS;
    if (compareRevisions(head.revision, revision) < 0 && settled) {
      const [said, read] = [head.revision, revision].map(formatRevision);
      return `is at revision ${said}, and this proxy has read ${read}`;
    }
    return head;
  }

  #waitForNext(): void {
    const { clock, alarms } = this.#options;
    alarms.clear('head-silent');
    this.#timer?.cancel();
    this.#timer = clock.after(HEAD_SILENT_MS, () => {
      const seconds = HEAD_SILENT_MS / 1_000;
      alarms.raise(
        'head-silent',
        `no new head of the log has come for ${seconds} s: it may be frozen, or no config ` +
          'service reaches NATS',
      );
    });
  }
}
