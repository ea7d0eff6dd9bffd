import { describe, expect, it } from 'vitest';
import { exchangeBytes, startFront, startUpstream } from '../forward/harness.ts';

const HOST = 'Host: shop.example\r\n';
const GET = (target: string): string => `GET ${target} HTTP/1.1\r\n${HOST}\r\n`;
const WITH = (...lines: string[]): string =>
  `POST / HTTP/1.1\r\n${HOST}${lines.map((line) => `${line}\r\n`).join('')}\r\n`;

/** Bytes, and the status that has to answer them before the connection is closed. */
const PAYLOADS: [string, string, number][] = [
  ['CL.TE', `${WITH('Content-Length: 6', 'Transfer-Encoding: chunked')}0\r\n\r\nG`, 400],
  [
    'TE.CL',
    `${WITH('Transfer-Encoding: chunked', 'Content-Length: 3')}8\r\nSMUGGLED\r\n0\r\n\r\n`,
    400,
  ],
  ['TE.TE', `${WITH('Transfer-Encoding: chunked', 'Transfer-Encoding: x')}0\r\n\r\n`, 400],
  ['a hidden TE', `${WITH('Transfer-Encoding : chunked')}0\r\n\r\n`, 400],
  ['TE with a tab', `${WITH('Transfer-Encoding:\tchunked, identity')}0\r\n\r\n`, 400],
  ['gzip, chunked', `${WITH('Transfer-Encoding: gzip, chunked')}0\r\n\r\n`, 400],
  ['two lengths', `${WITH('Content-Length: 1', 'Content-Length: 2')}ab`, 400],
  ['a length with zeros in front', `${WITH('Content-Length: 005')}hello`, 400],
  ['a negative length', WITH('Content-Length: -1'), 400],
  ['a length that overflows', WITH('Content-Length: 99999999999999999999'), 400],
  ['TE in HTTP/1.0', `POST / HTTP/1.0\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
  ['a bare LF', `GET / HTTP/1.1\n${HOST}\n`, 400],
  ['a bare CR', `GET / HTTP/1.1\r\n${HOST}X: a\rb\r\n\r\n`, 400],
  ['a folded line', `GET / HTTP/1.1\r\n${HOST}X: a\r\n b\r\n\r\n`, 400],
  ['a space before the colon', `GET / HTTP/1.1\r\n${HOST}X : a\r\n\r\n`, 400],
  ['an empty name', `GET / HTTP/1.1\r\n${HOST}: a\r\n\r\n`, 400],
  ['NUL in a value', `GET / HTTP/1.1\r\n${HOST}X: a\0b\r\n\r\n`, 400],
  ['no Host', 'GET / HTTP/1.1\r\n\r\n', 400],
  ['two Hosts', `GET / HTTP/1.1\r\n${HOST}Host: evil.example\r\n\r\n`, 400],
  ['a Host with a path', 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n', 400],
  ['HTTP/0.9', 'GET /\r\n\r\n', 400],
  ['HTTP/2.0 on a line', `GET / HTTP/2.0\r\n${HOST}\r\n`, 505],
  ['GET *', GET('*'), 400],
  ['an escaped slash', GET('/a%2Fb'), 400],
  ['an escaped backslash', GET('/a%5cb'), 400],
  ['an escaped NUL', GET('/a%00'), 400],
  ['escaped dots', GET('/%2e%2e/admin'), 400],
  ['a fragment', GET('/a#b'), 400],
  ['a backslash', GET('/a\\..\\b'), 400],
  ['climbing', GET('/../etc/passwd'), 400],
  ['Connection naming Host', `GET / HTTP/1.1\r\n${HOST}Connection: host\r\n\r\n`, 400],
  ['an underscore', `GET / HTTP/1.1\r\n${HOST}X_Y: 1\r\n\r\n`, 400],
  ['a contradicting target', GET('http://evil.example/'), 400],
  ['a user in the target', GET('http://a@shop.example/'), 400],
  ['an https target', GET('https://shop.example/'), 400],
  ['CONNECT', `CONNECT shop.example:443 HTTP/1.1\r\n${HOST}\r\nearly data`, 501],
  ['TRACE', `TRACE / HTTP/1.1\r\n${HOST}\r\n`, 405],
  ['a long request line', GET(`/${'a'.repeat(9_000)}`), 414],
  ['a large header block', `GET / HTTP/1.1\r\n${HOST}X: ${'a'.repeat(70_000)}\r\n\r\n`, 431],
  ['many fields', `GET / HTTP/1.1\r\n${HOST}${'a: b\r\n'.repeat(120)}\r\n`, 431],
  ['no HTTP at all', '\x16\x03\x01\x02\x00\x01', 400],
];

describe('a hostile request', () => {
  it.each(PAYLOADS)(
    '%s: answered and closed, not a byte upstream',
    async (_name, bytes, status) => {
      const upstream = await startUpstream((_request, response) => response.end('reached'));
      const front = await startFront({ endpoint: upstream.endpoint });
      const answer = await exchangeBytes(front.port, bytes);
      expect(answer.split('\r\n')[0]).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
      expect(answer.match(/^HTTP\/1\.1 /gm)).toHaveLength(1);
      expect(answer.toLowerCase()).toContain('connection: close');
      expect(upstream.seen).toEqual([]);
      const reason = status === 431 ? 'headers_too_large' : 'bad_request';
      expect(front.records).toHaveLength(1);
      expect(front.records[0]).toMatchObject({ status, reason });
    },
  );

  it('a broken chunk size: the upstream never sees a whole body', async () => {
    let ended = false;
    const upstream = await startUpstream((request, response) => {
      request.on('end', () => {
        ended = true;
        response.end();
      });
      request.on('error', () => response.destroy());
      request.resume();
    });
    const front = await startFront({ endpoint: upstream.endpoint });
    const bytes = `${WITH('Transfer-Encoding: chunked')}5\r\nhello\r\n-1\r\n`;
    await exchangeBytes(front.port, bytes);
    expect(ended).toBe(false);
    expect(front.records.at(-1)?.reason).toBe('bad_request');
  });

  it('a pipelined request behind a refused one is never read', async () => {
    const upstream = await startUpstream((_request, response) => response.end('reached'));
    const front = await startFront({ endpoint: upstream.endpoint });
    const answer = await exchangeBytes(front.port, GET('/a%2Fb') + GET('/second'));
    expect(answer.match(/^HTTP\/1\.1 /gm)).toHaveLength(1);
    expect(upstream.seen).toEqual([]);
  });
});
