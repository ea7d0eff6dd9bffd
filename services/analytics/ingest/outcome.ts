import type { Stream } from '#contracts/tables.ts';

/** What happens while blocks are stored: the log line and the count come from one place. */
export interface IngestEvents {
  stored(stream: Stream, blocks: number, rows: number, tookMs: number): void;
  repeats(stream: Stream, blocks: number): void;
  clamped(stream: Stream, blocks: number): void;
  deadLetter(where: { topic: string; partition: number; offset: bigint }, reason: string): void;
  /** Messages that were gone from Kafka before they were read. */
  gap(where: { topic: string; partition: number }, messages: bigint): void;
  generation(where: { topic: string; partition: number }, why: string): void;
  /** Messages of the partition not yet stored. */
  lag(where: { topic: string; partition: number }, messages: bigint): void;
  waiting(part: 'ClickHouse' | 'Kafka', why: string): void;
  working(part: 'ClickHouse' | 'Kafka'): void;
}
