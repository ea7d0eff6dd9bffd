import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { trace } from '@opentelemetry/api';
import { startTracing } from '#platform/otel.ts';
import { afterEach, expect, onTestFinished, test } from 'vitest';

afterEach(() => trace.disable());

const span = (): void => trace.getTracer('test').startSpan('one').end();

test('without an endpoint nothing is started', async () => {
  const tracing = startTracing('test', '');
  expect(trace.getTracer('test').startSpan('one').isRecording()).toBe(false);
  await tracing.stop();
});

test('what is buffered is sent at the end, to the traces path of the endpoint', async () => {
  const paths: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    paths.push(request.url);
    request.resume().on('end', () => response.end('{}'));
  }).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const tracing = startTracing('test', `http://127.0.0.1:${port}/`);
  span();
  await tracing.stop();
  expect(paths).toEqual(['/v1/traces']);
});

test('a receiver that is away neither fails the end of a service nor holds it up', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  const tracing = startTracing('test', `http://127.0.0.1:${port}`);
  span();
  const startedMs = performance.now();
  await tracing.stop();
  expect(performance.now() - startedMs).toBeLessThan(5_000);
});
