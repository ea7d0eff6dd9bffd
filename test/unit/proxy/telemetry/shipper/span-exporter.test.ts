import { type RequestListener, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemClock } from '#platform/clock.ts';
import { SPANS_WAITING_MAX } from '#proxy/telemetry/limits.ts';
import { Counters } from '#proxy/telemetry/shipper/protocol.ts';
import { SpanExporter } from '#proxy/telemetry/shipper/span-exporter.ts';
import { pushSpan } from '#proxy/telemetry/trace/spans.ts';
import { eventually } from '#test/eventually.ts';
import { expect, onTestFinished, test } from 'vitest';
import { IDENTITY, exchangeOf, shownOf } from '../exchanges.ts';

async function start(answer: RequestListener) {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const counters = new Counters();
  const logs: string[] = [];
  const exporter = new SpanExporter({
    ...{ identity: IDENTITY, counters, clock: systemClock },
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    log: (level, message) => void logs.push(`${level} ${message}`),
  });
  return { exporter, counters, logs };
}

function batchOf(count: number) {
  const fields: (string | number)[] = [];
  const exchange = exchangeOf();
  for (let i = 0; i < count; i++) pushSpan(fields, exchange, 5, shownOf(exchange));
  return { fields, count };
}

test('spans are posted as OTLP JSON, and again when the receiver is busy', async () => {
  const bodies: { path: string | undefined; spans: number }[] = [];
  const statuses = [503, 200, 200];
  const { exporter, counters, logs } = await start((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(chunks).toString()) as {
        resourceSpans: { scopeSpans: { spans: unknown[] }[] }[];
      };
      const spans = body.resourceSpans[0]?.scopeSpans[0]?.spans.length ?? 0;
      bodies.push({ path: request.url, spans });
      response.writeHead(statuses.shift() ?? 200).end('{}');
    });
  });
  exporter.accept(batchOf(3));
  exporter.accept(batchOf(2));
  await eventually(() => counters.get('spansExported') === 5 || undefined, {
    timeoutMs: 5_000,
    what: 'both batches',
  });
  expect(bodies).toEqual([3, 3, 2].map((spans) => ({ path: '/v1/traces', spans })));
  expect(logs).toEqual(['warn spans wait', 'info spans are taken again']);
  await exporter.close();
  expect(counters.get('spansDropped')).toBe(0);
});

test('what the receiver refuses is dropped, counted and said', async () => {
  const { exporter, counters, logs } = await start((_request, response) => {
    response.writeHead(400).end();
  });
  exporter.accept(batchOf(4));
  await eventually(() => counters.get('spansDropped') === 4 || undefined, {
    timeoutMs: 5_000,
    what: 'the drop',
  });
  expect(logs).toEqual(['error spans were refused']);
  await exporter.close();
});

test('while nobody takes them, old spans are dropped within the bound', async () => {
  const { exporter, counters } = await start((request) => void request.socket.destroy());
  const batches = 20;
  for (let i = 0; i < batches; i++) exporter.accept(batchOf(1_000));
  const waiting = batches * 1_000 - counters.get('spansDropped');
  expect(waiting).toBeLessThanOrEqual(SPANS_WAITING_MAX);
  expect(waiting).toBeGreaterThan(SPANS_WAITING_MAX - 1_000);
  await exporter.close();
  expect(counters.get('spansDropped')).toBe(batches * 1_000);
  expect(counters.get('spansTaken')).toBe(batches * 1_000);
});
