import { METRIC_WINDOW_MS, ROLLUP_STEP_MS } from '#contracts/metrics.ts';
import { FakeClock } from '#platform/clock.ts';
import { BLOCK_AGE_MS, BLOCK_ROWS_MAX, SPANS_AGE_MS } from '#proxy/telemetry/limits.ts';
import { Recorder, type RecorderOptions } from '#proxy/telemetry/recorder.ts';
import {
  type BlockSink,
  type ClosedBlock,
  Counters,
  type Stream,
} from '#proxy/telemetry/shipper/protocol.ts';
import { SPAN_FIELDS } from '#proxy/telemetry/trace/spans.ts';
import { expect, test } from 'vitest';
import { IDENTITY, exchangeOf, rulesOf } from './exchanges.ts';
import { readNative } from './native-reader.ts';

class Sink implements BlockSink {
  readonly blocks: Record<Stream, ClosedBlock[]> = { access: [], metrics: [] };
  readonly lostRows: Record<Stream, number> = { access: 0, metrics: 0 };
  readonly spanBatches: (string | number)[][] = [];
  closedAfterMs: number | undefined;
  spansDropped = 0;
  restarts = 0;

  block(stream: Stream, closed: ClosedBlock): void {
    this.blocks[stream].push(closed);
  }
  lost(stream: Stream, { rows }: Omit<ClosedBlock, 'bytes'>): void {
    this.lostRows[stream] += rows;
  }
  droppedHere(stream: Stream): number {
    return this.lostRows[stream];
  }
  spans(fields: (string | number)[]): void {
    this.spanBatches.push(fields);
  }
  close(timeoutMs: number): Promise<void> {
    this.closedAfterMs = timeoutMs;
    return Promise.resolve();
  }
}

function start(changes: Partial<RecorderOptions> = {}) {
  // Half a window in, so that windows and ages do not end together.
  const clock = new FakeClock(Date.UTC(2026, 0, 1) + METRIC_WINDOW_MS / 2);
  const sink = new Sink();
  const logs: string[] = [];
  const recorder = new Recorder({
    random: () => 0.5,
    ...{ identity: IDENTITY, clock, counters: new Counters(), shipper: sink },
    ...{ blocks: true, spans: true, accessLog: undefined, closeTimeoutMs: 5_000 },
    log: (level, message) => void logs.push(`${level} ${message}`),
    ...changes,
  });
  const rows = (stream: Stream): number[] => sink.blocks[stream].map((block) => block.rows);
  return { recorder, clock, sink, logs, rows };
}

const small = () => exchangeOf({ request: { path: '/' }, requestId: '', rule: '', endpoint: '' });

test('a block is handed over when it is full, or a second after its first row', () => {
  const { recorder, clock, rows } = start();
  clock.advance(10_000);
  expect(rows('access')).toEqual([]);
  recorder.record(exchangeOf());
  clock.advance(BLOCK_AGE_MS - 1);
  recorder.record(exchangeOf());
  expect(rows('access')).toEqual([]);
  clock.advance(1);
  expect(rows('access')).toEqual([2]);
  for (let i = 0; i < 3 * BLOCK_ROWS_MAX; i++) recorder.record(small());
  const full = rows('access').slice(1);
  expect(full.length).toBeGreaterThanOrEqual(2);
  clock.advance(BLOCK_AGE_MS);
  expect(rows('access').reduce((sum, each) => sum + each, 0)).toBe(2 + 3 * BLOCK_ROWS_MAX);
  clock.advance(10 * BLOCK_AGE_MS);
  expect(recorder.stats().access).toMatchObject({ served: 2 + 3 * BLOCK_ROWS_MAX });
});

test('a block ends where the log epoch changes', () => {
  const { recorder, clock, sink } = start();
  for (const epoch of [1, 1, 2]) recorder.record(exchangeOf({ epoch }));
  clock.advance(BLOCK_AGE_MS);
  expect(sink.blocks.access.map(({ rows, logEpoch }) => [rows, logEpoch])).toEqual([
    [2, 1],
    [1, 2],
  ]);
});

test('metrics are counted in windows aligned to the clock, by the end of the request', () => {
  const { recorder, clock, sink } = start();
  recorder.record(exchangeOf({ startedMs: -7 }));
  clock.advance(METRIC_WINDOW_MS / 2 - 1);
  recorder.record(exchangeOf());
  expect(sink.blocks.metrics).toEqual([]);
  clock.advance(1);
  expect(sink.blocks.metrics).toHaveLength(1);
  recorder.record(exchangeOf());
  clock.advance(METRIC_WINDOW_MS);
  const reads = sink.blocks.metrics.map((block) => readNative(block.bytes).columns);
  expect(reads.map(({ time, requests }) => [time, requests])).toEqual([
    [[Date.UTC(2026, 0, 1) * 1_000], [2]],
    [[(Date.UTC(2026, 0, 1) + METRIC_WINDOW_MS) * 1_000], [1]],
  ]);
  expect(recorder.stats().metrics.served).toBe(2);
});

test('durations are from the start to the record, never negative', () => {
  const { recorder, clock, sink } = start();
  clock.advance(1_000);
  recorder.record(exchangeOf({ startedMs: 997.5 }));
  recorder.record(exchangeOf({ startedMs: 5_000 }));
  clock.advance(BLOCK_AGE_MS);
  const read = readNative(sink.blocks.access[0]?.bytes ?? new Uint8Array(0));
  expect(read.columns['duration_us']).toEqual([2_500, 0]);
});

test('spans are kept when sampled or an error, and go out after a second', () => {
  const { recorder, clock, sink } = start();
  const unsampled = { trace: { sampled: false } };
  recorder.record(exchangeOf({ requestId: 'sampled' }));
  recorder.record(exchangeOf({ requestId: 'not', ...unsampled }));
  recorder.record(
    exchangeOf({ requestId: 'left', status: 0, reason: 'client_closed', ...unsampled }),
  );
  recorder.record(
    exchangeOf({ requestId: 'error', status: 503, reason: 'no_endpoint', ...unsampled }),
  );
  recorder.record(
    exchangeOf({ requestId: 'broken', status: 0, reason: 'upstream_aborted', ...unsampled }),
  );
  clock.advance(SPANS_AGE_MS);
  const width = SPAN_FIELDS.length;
  const [batch = []] = sink.spanBatches;
  const ids = batch.filter((_, i) => i % width === SPAN_FIELDS.indexOf('requestId'));
  expect(ids).toEqual(['sampled', 'error', 'broken']);
  expect(batch).toHaveLength(3 * width);
});

test('the series for Prometheus include the window that is open', () => {
  const { recorder, clock } = start();
  recorder.record(exchangeOf());
  expect(recorder.series().requests).toMatchObject([{ requests: 1, service: 'shop/catalog' }]);
  expect(recorder.series().requests).toMatchObject([{ requests: 1 }]);
  clock.advance(METRIC_WINDOW_MS);
  recorder.record(exchangeOf());
  expect(recorder.series().requests).toMatchObject([{ requests: 2 }]);
  expect(structuredClone(recorder.series())).toEqual(recorder.series());
});

test('standalone counts for Prometheus and hands over nothing', () => {
  const { recorder, clock, sink } = start({ blocks: false, spans: false });
  for (let i = 0; i < 5; i++) {
    recorder.record(exchangeOf());
    clock.advance(METRIC_WINDOW_MS);
  }
  expect(recorder.series().requests).toMatchObject([{ requests: 5 }]);
  expect([sink.blocks.access, sink.blocks.metrics, sink.spanBatches]).toEqual([[], [], []]);
});

test('a worker says that it lives at the end of each step, behind what it counted', () => {
  const identity = { ...IDENTITY, role: 'sidecar', workload: 'shop/catalog' } as const;
  const { recorder, clock, sink } = start({ identity });
  const epochMs = Date.UTC(2026, 0, 1);
  clock.advance(ROLLUP_STEP_MS - METRIC_WINDOW_MS / 2 - 1);
  expect(sink.blocks.metrics).toEqual([]);
  recorder.record(exchangeOf({ epoch: 3 }));
  clock.advance(1);
  clock.advance(2 * ROLLUP_STEP_MS);
  const seen = sink.blocks.metrics.map(({ bytes, minTs, maxTs, logEpoch }) => {
    const { columns } = readNative(bytes);
    return { minTs, maxTs, logEpoch, source: columns['source'], requests: columns['requests'] };
  });
  const beat = (steps: number) => ({
    minTs: epochMs + steps * ROLLUP_STEP_MS - METRIC_WINDOW_MS,
    maxTs: epochMs + steps * ROLLUP_STEP_MS,
    ...{ logEpoch: 3, source: ['shop/catalog'], requests: [0] },
  });
  const counted = { ...beat(1), source: ['Gateway/shop/edge'], requests: [1] };
  expect(seen).toEqual([counted, beat(1), beat(2), beat(3)]);
  const [, { bytes } = { bytes: new Uint8Array(0) }] = sink.blocks.metrics;
  expect(readNative(bytes).columns).toMatchObject({
    ...{ direction: [''], destination: [''], status_class: [''], role: ['sidecar'] },
    ...{ time: [(epochMs + ROLLUP_STEP_MS - METRIC_WINDOW_MS) * 1_000], proxy: ['edge'] },
  });
  expect(recorder.stats().metrics.served).toBe(4);
});

test('no heartbeat comes of a worker that was closed, or that ships nothing', async () => {
  const open = start({ blocks: false });
  open.clock.advance(2 * ROLLUP_STEP_MS);
  expect(open.sink.blocks.metrics).toEqual([]);
  const closed = start();
  await closed.recorder.close();
  closed.clock.advance(2 * ROLLUP_STEP_MS);
  expect(closed.sink.blocks.metrics).toEqual([]);
});

test('an exchange that cannot be written costs the open block, counted, and nothing else', () => {
  const { recorder, clock, sink, logs } = start();
  recorder.record(exchangeOf());
  recorder.record(exchangeOf({ endpoint: undefined as unknown as string }));
  expect(sink.lostRows.access).toBe(2);
  expect(logs).toEqual(['error a request could not be recorded']);
  recorder.record(exchangeOf({ requestId: 'after' }));
  clock.advance(BLOCK_AGE_MS);
  const read = readNative(sink.blocks.access[0]?.bytes ?? new Uint8Array(0));
  expect(read.columns['request_id']).toEqual(['after']);
  expect(recorder.stats().access).toMatchObject({ served: 3, dropped: 2 });
});

test('closing hands over everything, once', async () => {
  const { recorder, sink, rows } = start();
  recorder.record(exchangeOf());
  await Promise.all([recorder.close(), recorder.close()]);
  expect([rows('access'), rows('metrics'), sink.spanBatches.length]).toEqual([[1], [1], 1]);
  expect(sink.closedAfterMs).toBe(5_000);
});

test('what sampling leaves out is served, told with the blocks, and still measured', () => {
  const { recorder, clock, sink } = start();
  const sampling = { share: 0, slowerThanMs: 1_000, newRevisionMs: 1 };
  const records = rulesOf({ sampling });
  recorder.record(exchangeOf({ records })); // The first of its revision.
  clock.advance(BLOCK_AGE_MS);
  for (let i = 0; i < 7; i++) recorder.record(exchangeOf({ records, startedMs: clock.nowMs() }));
  recorder.record(exchangeOf({ records, status: 500 }));
  clock.advance(BLOCK_AGE_MS);
  recorder.record(exchangeOf({ records, startedMs: clock.nowMs() }));
  clock.advance(BLOCK_AGE_MS);
  expect(sink.blocks.access.map(({ rows, skipped }) => [rows, skipped])).toEqual([
    [1, 0],
    [1, 7],
    [0, 1],
  ]);
  expect(recorder.stats().access).toMatchObject({ served: 10, sampledOut: 8 });
  const counted = recorder.series().requests.reduce((sum, { requests }) => sum + requests, 0);
  expect(counted).toBe(10);
});

test('spans show no more than records do', () => {
  const { recorder, clock, sink } = start();
  recorder.record(exchangeOf({ records: rulesOf({ path: 'Template', clientAddress: 'Drop' }) }));
  clock.advance(1_000);
  expect(sink.spanBatches[0]).not.toContain('/products/7');
  expect(sink.spanBatches[0]).not.toContain('127.0.0.9');
});
