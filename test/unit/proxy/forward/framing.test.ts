import { describe, expect, it } from 'vitest';
import { exchangeBytes, startFront, startRawUpstream } from './harness.ts';

const ASK = 'GET / HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n';

/** Heads of a hostile or broken upstream whose body could be read in two ways. */
const AMBIGUOUS: [string, string][] = [
  ['a length and chunks', 'Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['chunks and a length', 'Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n'],
  ['two lengths', 'Content-Length: 3\r\nContent-Length: 5\r\n\r\nhello'],
  ['a list of lengths', 'Content-Length: 5, 5\r\n\r\nhello'],
  ['a coding below the chunks', 'Transfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n'],
  ['a coding until the end', 'Transfer-Encoding: gzip\r\n\r\nhello'],
  ['chunks that are not the last', 'Transfer-Encoding: chunked, gzip\r\n\r\nhello'],
  ['two codings', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
];

describe('an upstream whose answer could be read in two ways', () => {
  it.each(AMBIGUOUS)('%s: upstream_invalid, not a byte of it passed on', async (_name, rest) => {
    const endpoint = await startRawUpstream((socket) => {
      socket.once('data', () => socket.end(`HTTP/1.1 200 OK\r\nX-Bad: 1\r\n${rest}`));
    });
    const front = await startFront({ endpoint });
    const answer = await exchangeBytes(front.port, ASK);
    expect(answer).toMatch(/^HTTP\/1.1 502 /);
    expect(answer.toLowerCase()).not.toContain('x-bad');
    expect(front.records.map(({ reason }) => reason)).toEqual(['upstream_invalid']);
  });
});
