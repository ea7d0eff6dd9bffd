import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createClient, readEvents } from '../../../services/cli/client.ts';
import { expect, onTestFinished, test } from 'vitest';
import { fakeApi, problem, windrose } from './harness.ts';
import { freePort } from '#test/parts.ts';

test('a server that is away is one sentence with its address and what to do', async () => {
  const port = await freePort();
  const { status, out, err } = await windrose(['status'], {
    env: { WINDROSE_SERVER: `http://127.0.0.1:${port}/` },
  });
  expect({ status, out }).toEqual({ status: 1, out: '' });
  expect(err).toBe(
    `windrose: cannot reach the config service at http://127.0.0.1:${port} (connection refused): ` +
      'start it with `windrose up`, or name another by --server or WINDROSE_SERVER\n',
  );
});

test('the address is counted from WINDROSE_PORT_BASE', async () => {
  const port = await freePort();
  const { err } = await windrose(['status'], { env: { WINDROSE_PORT_BASE: String(port - 400) } });
  expect(err).toContain(`http://127.0.0.1:${port} (connection refused)`);
});

test('something else on that port is told apart from the service', async () => {
  const server = createServer((_request, response) => response.end('<html>hello</html>'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  for (const args of [['status'], ['wait', '3']]) {
    const { status, err } = await windrose([...args, '--server', url]);
    expect(status).toBe(1);
    expect(err).toContain(`what answers at ${url} is not the config service of Windrose`);
  }
});

test.each([
  [problem(404, 'not-found', 'there is no revision 99'), 1],
  [problem(400, 'invalid-request', 'soon is no revision'), 2],
  [problem(422, 'invalid', 'not valid'), 3],
  [problem(409, 'conflict', 'bob changed it'), 4],
  [problem(504, 'timeout', 'too slow'), 5],
  [problem(503, 'unavailable', 'NATS is away'), 1],
  [problem(500, 'internal', 'a mistake'), 1],
])('what the service refuses has the status of its kind (%#)', async (handler, expected) => {
  const api = await fakeApi({ 'GET /v1/changesets/99': handler });
  const { status, out, err } = await windrose(['show', '99', ...api.server]);
  expect({ status, out }).toEqual({ status: expected, out: '' });
  expect(err.split('\n')).toHaveLength(2);
});

test('a service that does not answer is status 5 after the limit', async () => {
  const server = createServer(() => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = createClient({ url, service: 'config service', hint: '', timeoutMs: 50 });
  await expect(client.get('/v1/info')).rejects.toMatchObject({
    status: 5,
    message: `the config service at ${url} did not answer within 0.05 s`,
  });
});

test('--mesh refuses to work on another mesh', async () => {
  const api = await fakeApi({});
  const { status, err } = await windrose(['status', '--mesh', 'prod', ...api.server]);
  expect(status).toBe(1);
  expect(err).toContain('serves the mesh demo, not prod');
  expect(api.asked.map((asked) => asked.path)).toEqual(['/v1/info']);
});

test('a config service that knows no analytics says how to tell it', async () => {
  const api = await fakeApi({ 'GET /v1/info': () => ({ mesh: 'demo', addresses: {} }) });
  const { status, err } = await windrose(['top', ...api.server]);
  expect(status).toBe(1);
  expect(err).toContain('was not told where analytics is: start it with --analytics URL');
});

test('events are read over any cut of the bytes; comments are passed over', async () => {
  const text =
    ': hello\r\n\r\nevent: x\ndata: {"a":\ndata: 1}\n\nid: 4\ndata:{"b":"é"}\n\ndata: {"c"';
  const bytes = Buffer.from(text, 'utf8');
  for (const size of [1, 2, 7, bytes.length]) {
    const chunks: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
    const events: unknown[] = [];
    for await (const event of readEvents(ReadableStream.from(chunks))) events.push(event);
    expect(events).toEqual([{ a: 1 }, { b: 'é' }]);
  }
});
