import { connect } from 'node:net';
import { until } from '#test/processes.ts';
import { describe, expect, it } from 'vitest';
import { exchangeBytes, startFront, startUpstream } from '../forward/harness.ts';

const ask = (path: string, more = '', body = ''): string =>
  `${body === '' ? 'GET' : 'POST'} ${path} HTTP/1.1\r\nHost: shop.example\r\n${more}\r\n${body}`;

describe('requests one behind the other on a connection', () => {
  it('are answered in their order', async () => {
    const upstream = await startUpstream((request, response) => {
      const late = request.url === '/slow' ? 50 : 0;
      setTimeout(() => response.end(request.url), late);
    });
    const front = await startFront({ endpoint: upstream.endpoint });
    const answer = await exchangeBytes(
      front.port,
      ask('/slow') + ask('/fast', 'Connection: close\r\n'),
    );
    expect(answer.match(/\/(slow|fast)/g)).toEqual(['/slow', '/fast']);
    expect(front.records).toHaveLength(2);
  });

  it('wait for their turn: when the client goes, what was not begun never was', async () => {
    const upstream = await startUpstream((request, response) => {
      if (request.url !== '/slow') response.end('x');
    });
    const front = await startFront({ endpoint: upstream.endpoint });
    const socket = connect(front.port, '127.0.0.1');
    const body = ask('/with-body', 'Content-Length: 2\r\n', 'ab');
    socket.write(ask('/slow') + ask('/fast') + body);
    await until('the first has reached the upstream', () => upstream.seen.length === 1);
    socket.resetAndDestroy();
    await until('it is recorded', () => front.records.length === 1);
    expect(front.records.map(({ reason }) => reason)).toEqual(['client_closed']);
    expect(front.released).toBe(1);
    expect(upstream.seen).toEqual(['GET /slow']);
  });
});

describe('the Expect field', () => {
  it('with an expectation that nobody knows is refused, and recorded', async () => {
    const upstream = await startUpstream((_request, response) => response.end('reached'));
    const front = await startFront({ endpoint: upstream.endpoint });
    const answer = await exchangeBytes(front.port, ask('/', 'Expect: tea\r\n'));
    expect(answer).toMatch(/^HTTP\/1.1 417 /);
    expect(answer.toLowerCase()).toContain('connection: close');
    expect(upstream.seen).toEqual([]);
    expect(front.records).toMatchObject([{ status: 417, reason: 'bad_request' }]);
  });

  it('that was not answered with 100: no later bytes are taken for the body', async () => {
    const front = await startFront({
      endpoint: { address: '127.0.0.1', port: 1, proxy: '', zone: '' },
    });
    const expecting = 'POST / HTTP/1.1\r\nHost: shop.example\r\nExpect: 100-continue\r\n';
    // A client that took the refusal as the end and goes on with its next request.
    const answer = await exchangeBytes(
      front.port,
      `${expecting}Content-Length: 60\r\n\r\n${ask('/next')}`,
    );
    expect(answer).toMatch(/^HTTP\/1.1 503 /);
    expect(answer.toLowerCase()).toContain('connection: close');
    expect(answer.match(/^HTTP\/1\.1 /gm)).toHaveLength(1);
  });
});
