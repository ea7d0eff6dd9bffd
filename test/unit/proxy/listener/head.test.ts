import type { Direction } from '#proxy/exchange.ts';
import { HeaderList } from '#proxy/headers.ts';
import { CHUNKED } from '#proxy/http1/body.ts';
import { type Head, readHead as read } from '#proxy/listener/head.ts';
import { defaultPort } from '#proxy/listener/settings.ts';
import type { Checked } from '#proxy/listener/refusal.ts';
import { describe, expect, it } from 'vitest';

interface RawHead {
  method: string;
  url: string;
  httpVersion: string;
  rawHeaders: string[];
}

function head(headers: string[], more: Partial<RawHead> = {}): RawHead {
  const rawHeaders = ['Host', 'shop.example', ...headers];
  return { method: 'GET', url: '/', httpVersion: '1.1', rawHeaders, ...more };
}

function readHead(raw: RawHead, direction: Direction): Checked<Head> {
  const { method, url: target, httpVersion: version, rawHeaders } = raw;
  return read({ method, target, version }, HeaderList.fromRaw(rawHeaders), defaultPort(direction));
}

describe('readHead', () => {
  it('reads a plain request', () => {
    const result = readHead(head(['X-A', '1'], { url: '/a?b' }), 'edge');
    expect(result).toMatchObject({
      ok: true,
      value: {
        host: 'shop.example',
        path: '/a',
        query: '?b',
        bodyLength: 0,
        protocol: 'http/1.1',
      },
    });
  });

  it('knows how long a body follows', () => {
    const bodyOf = (headers: string[]): unknown => {
      const result = readHead(head(headers, { method: 'POST' }), 'edge');
      return result.ok && result.value.bodyLength;
    };
    expect(bodyOf(['Content-Length', '0'])).toBe(0);
    expect(bodyOf(['Content-Length', '5'])).toBe(5);
    expect(bodyOf(['Transfer-Encoding', 'chunked'])).toBe(CHUNKED);
    expect(bodyOf([])).toBe(0);
  });

  const refused: [string, Partial<RawHead>, string[], number][] = [
    ['a second Host', {}, ['Host', 'other'], 400],
    ['two content lengths', {}, ['Content-Length', '5', 'content-length', '5'], 400],
    ['a content length with zeros in front', {}, ['Content-Length', '005'], 400],
    ['a signed content length', {}, ['Content-Length', '+5'], 400],
    ['a hexadecimal content length', {}, ['Content-Length', '0x5'], 400],
    ['a list of content lengths', {}, ['Content-Length', '5, 5'], 400],
    ['an unknown transfer encoding', {}, ['Transfer-Encoding', 'gzip, chunked'], 400],
    ['chunked with a parameter', {}, ['Transfer-Encoding', 'chunked;q=1'], 400],
    ['two transfer encodings', {}, ['Transfer-Encoding', 'chunked', 'transfer-encoding', 'x'], 400],
    [
      'a transfer encoding in HTTP/1.0',
      { httpVersion: '1.0' },
      ['Transfer-Encoding', 'chunked'],
      400,
    ],
    ['length and encoding', {}, ['Content-Length', '5', 'Transfer-Encoding', 'chunked'], 400],
    ['Connection naming a forwarding header', {}, ['Connection', 'close, X-Forwarded-For'], 400],
    ['Connection naming Authorization', {}, ['Connection', 'authorization'], 400],
    ['Connection naming one of ours', {}, ['Connection', 'x-windrose-timeout'], 400],
    ['two credentials', {}, ['Authorization', 'a', 'authorization', 'b'], 400],
    ['TRACE', { method: 'TRACE' }, [], 405],
    ['CONNECT', { method: 'CONNECT', url: 'shop.example:443' }, [], 501],
    ['an unknown transfer encoding alone', {}, ['Transfer-Encoding', 'gzip'], 501],
    ['a request that goes in circles', {}, ['Via', Array(30).fill('1.1 windrose').join(', ')], 508],
    ['a contradicting Host', { url: 'http://other.example/' }, [], 400],
  ];
  it.each(refused)('refuses %s', (_name, more, headers, status) => {
    for (const direction of ['edge', 'inbound', 'outbound'] as const) {
      expect(readHead(head(headers, more), direction)).toMatchObject({ ok: false, status });
    }
  });

  it('knows a change to WebSocket, and passes over any other and that of HTTP/1.0', () => {
    const upgradeTo = (protocol: string, more: Partial<RawHead> = {}): unknown => {
      const result = readHead(head(['Connection', 'Upgrade', 'Upgrade', protocol], more), 'edge');
      return result.ok && result.value.upgrade;
    };
    expect(upgradeTo('WebSocket')).toBe('websocket');
    expect(upgradeTo('h2c')).toBe(undefined);
    expect(upgradeTo('websocket', { httpVersion: '1.0' })).toBe(undefined);
  });

  it('refuses names with underscores at the edge only', () => {
    const request = head(['x_forwarded_for', '1']);
    expect(readHead(request, 'edge')).toMatchObject({ ok: false, status: 400 });
    expect(readHead(request, 'outbound').ok).toBe(true);
  });

  it('wants a Host from HTTP/1.1, and not from HTTP/1.0', () => {
    expect(readHead(head([], { rawHeaders: [] }), 'edge')).toMatchObject({ ok: false });
    expect(readHead(head([], { rawHeaders: [], httpVersion: '1.0' }), 'edge')).toMatchObject({
      ok: true,
      value: { host: '' },
    });
  });

  it('lets an absolute target decide when the Host agrees, and goes on without h2c', () => {
    const url = 'http://Shop.example:80/x';
    const result = readHead(head(['Connection', 'Upgrade', 'Upgrade', 'h2c'], { url }), 'outbound');
    expect(result).toMatchObject({ ok: true, value: { host: 'shop.example', path: '/x' } });
  });
});
