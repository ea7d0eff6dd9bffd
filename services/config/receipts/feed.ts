import type { NatsConnection } from 'nats';
import type { ReceiptBoard } from '#contracts/api/config.ts';
import type { MeshSubjects } from '#contracts/subjects.ts';
import type { Log } from '#platform/log.ts';
import { Follower } from '../log/follow.ts';
import type { History } from '../log/history.ts';
import type { Registry } from '../registry/registry.ts';
import { boardOf } from './board.ts';
import { Receipts, readReceipt } from './receipts.ts';

export interface ReceiptFeedOptions {
  connection: NatsConnection;
  mesh: string;
  subjects: MeshSubjects;
  history: History;
  registry: Registry;
  log: Log;
  /** Makes the stream again: it lives in memory, so a restart of the server takes it away. */
  ensureStream: () => Promise<void>;
  onReceipt: () => void;
}

/** Audiences of this many revisions are remembered; older ones are worked out. */
const AUDIENCES_MAX = 1_000;

/** What proxies say of revisions, as it comes in. */
export class ReceiptFeed {
  readonly receipts = new Receipts();
  readonly #options: ReceiptFeedOptions;
  readonly #audiences = new Map<number, readonly string[]>();
  #follower: Follower | undefined;

  constructor(options: ReceiptFeedOptions) {
    this.#options = options;
  }

  /** Resolves when the receipts that the stream holds are read. */
  async start(): Promise<void> {
    const { connection, subjects, mesh, log } = this.#options;
    await new Promise<void>((resolve) => {
      this.#follower = new Follower({
        connection,
        stream: subjects.streams.receipts,
        prepare: this.#options.ensureStream,
        from: () => 'all',
        onMessage: (message) => {
          const receipt = readReceipt(message.data, mesh, message.subject);
          if (receipt === undefined) {
            log.warn({ subject: message.subject }, 'unreadable receipt');
            return;
          }
          this.receipts.add(receipt);
          this.#options.onReceipt();
        },
        onCaughtUp: resolve,
        log,
      });
    });
  }

  /** Why nothing new is read at the moment. */
  get stalled(): string | undefined {
    return this.#follower?.problem;
  }

  async stop(): Promise<void> {
    await this.#follower?.stop();
  }

  /** Who is up when a revision is published here: whose receipts its board waits for. */
  published(sequence: number, audience: readonly string[]): void {
    this.#audiences.set(sequence, audience);
    for (const oldest of this.#audiences.keys()) {
      if (this.#audiences.size <= AUDIENCES_MAX) break;
      this.#audiences.delete(oldest);
    }
  }

  board(sequence: number): ReceiptBoard {
    const { history, registry } = this.#options;
    const known = [...registry.proxies.values()];
    return boardOf({
      revision: { epoch: history.changeSet(sequence)?.epoch ?? history.epoch, sequence },
      publishedAt: history.changeSet(sequence)?.time ?? '',
      audience: this.#audiences.get(sequence),
      receipts: this.receipts,
      proxies: new Map(known.map((proxy) => [proxy.heartbeat.proxy, proxy])),
      unheard: this.unheard(),
    });
  }

  /** Known from their receipts and not heard yet, while this service has only just begun. */
  unheard(): Set<string> {
    const { registry } = this.#options;
    if (registry.settled) return new Set();
    return new Set(
      [...this.receipts.proxies()].filter((name) => registry.proxies.get(name) === undefined),
    );
  }
}
