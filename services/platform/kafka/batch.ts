import type { EachBatchPayload, IHeaders, KafkaMessage } from 'kafkajs';
import type { Clock, Timer } from '../clock.ts';
import type { Commit } from './commits.ts';
import type { GroupBatch, GroupMessage } from './types.ts';

export interface BatchContext {
  payload: EachBatchPayload;
  clock: Clock;
  heartbeatMs: number;
  /** Whether this member still holds the assignment under which the batch was fetched. */
  held: () => boolean;
  draining: () => boolean;
  commit: (commit: Commit) => Promise<void>;
  /** Awaited before the handler: what an assignment needs first. */
  before: () => Promise<void>;
  handler: (batch: GroupBatch) => Promise<void>;
}

/** A handler that takes longer than this loses the partition, as if its process hung. */
const HANDLER_MS = 5 * 60_000;

/** Runs a handler with heartbeats beside it, so that long work causes no rebalance. */
export async function handleBatch(context: BatchContext): Promise<void> {
  const { payload, held } = context;
  const { topic, partition } = payload.batch;
  const beats = new Heartbeats(context);
  const live = (): boolean =>
    held() && !context.draining() && !beats.refused && payload.isRunning() && !payload.isStale();
  try {
    await context.before();
    if (!live()) return;
    await context.handler({
      topic,
      partition,
      messages: payload.batch.messages.map(messageOf),
      highWatermark: BigInt(payload.batch.highWatermark),
      resolve: (offset) => payload.resolveOffset(offset.toString()),
      commit: async (offset, metadata = '') => {
        if (!held()) throw new Error(`partition ${partition} of ${topic} is no longer held`);
        await context.commit({ topic, partition, offset, metadata });
      },
      heartbeat: () => payload.heartbeat(),
      live,
    });
  } finally {
    beats.stop();
  }
}

class Heartbeats {
  /** The group went on without this member. */
  refused = false;
  readonly #context: BatchContext;
  readonly #endMs: number;
  #timer: Timer | undefined;

  constructor(context: BatchContext) {
    this.#context = context;
    this.#endMs = context.clock.nowMs() + HANDLER_MS;
    this.#next();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #next(): void {
    const { clock, heartbeatMs, payload } = this.#context;
    this.#timer = clock.after(heartbeatMs, () => {
      if (clock.nowMs() > this.#endMs) return;
      payload.heartbeat().then(
        () => {
          if (this.#timer !== undefined) this.#next();
        },
        () => {
          // A rebalance: the handler sees it in `live`, kafkajs with its own next heartbeat.
          this.refused = true;
        },
      );
    });
  }
}

function messageOf(message: KafkaMessage): GroupMessage {
  return {
    offset: BigInt(message.offset),
    timestampMs: Number(message.timestamp),
    headers: textsOf(message.headers ?? {}),
    value: message.value ?? Buffer.alloc(0),
  };
}

function textsOf(headers: IHeaders): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    const last = Array.isArray(value) ? value.at(-1) : value;
    if (last !== undefined) texts[name] = last.toString();
  }
  return texts;
}
