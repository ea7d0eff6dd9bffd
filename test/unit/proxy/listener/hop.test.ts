import { HeaderList } from '#proxy/headers.ts';
import { believedHeaders, responseHeaders, upstreamHeaders } from '#proxy/listener/hop.ts';
import { originOfPeer } from '#proxy/listener/trusted-hops.ts';
import { describe, expect, it } from 'vitest';

const RECEIVED = HeaderList.fromRaw([
  ...['Host', 'shop.example', 'Connection', 'keep-alive, X-Custom', 'X-Custom', 'secret'],
  ...['Keep-Alive', 'timeout=5', 'TE', 'trailers', 'Upgrade', 'h2c', 'Proxy-Authorization', 'x'],
  ...['X-Forwarded-For', '6.6.6.6', 'Forwarded', 'for=6.6.6.6', 'X-Real-IP', '6.6.6.6'],
  ...['X-Windrose-Consumer', 'acme', 'x-windrose-timeout', '1', 'x-windrose-hop', '1'],
  ...['X-Request-Id', 'old', 'traceparent', 'old', 'Via', '1.0 fred', 'Accept', '*/*'],
]);

describe('believedHeaders', () => {
  it('believes nothing of ours from anybody, and no forwarding header at the edge', () => {
    const edge = believedHeaders(RECEIVED, 'edge');
    for (const name of ['x-windrose-consumer', 'x-windrose-timeout', 'x-forwarded-for']) {
      expect(edge.has(name)).toBe(false);
    }
    expect(edge.get('via')).toBe('1.0 fred');
    const inbound = believedHeaders(RECEIVED, 'inbound');
    expect(inbound.get('x-forwarded-for')).toBe('6.6.6.6');
    expect(inbound.has('x-windrose-consumer')).toBe(false);
  });
});

const ORIGIN = originOfPeer({ address: '10.0.0.9', host: 'shop.example', scheme: 'http' });

describe('upstreamHeaders', () => {
  const by = {
    host: 'shop.example',
    requestId: 'new',
    protocol: 'http/1.1',
    origin: undefined,
    maxForwards: undefined,
    trace: { traceId: 't', spanId: 's', parentId: '', sampled: true, state: '' },
    connection: new Set(['keep-alive', 'x-custom']),
  };

  it('strips what belongs to the connection and what Connection names', () => {
    const believed = believedHeaders(RECEIVED, 'edge');
    const headers = upstreamHeaders(believed, { ...by, origin: ORIGIN });
    const names: string[] = [];
    headers.forEach((name) => names.push(name));
    expect(names).toEqual([
      'host',
      'accept',
      'x-request-id',
      'via',
      'traceparent',
      'forwarded',
      'x-forwarded-for',
      'x-forwarded-proto',
      'x-forwarded-host',
    ]);
  });

  it('lets the peer decide the client address at the edge, and leaves it alone in the mesh', () => {
    const edge = upstreamHeaders(believedHeaders(RECEIVED, 'edge'), { ...by, origin: ORIGIN });
    expect(edge.get('x-forwarded-for')).toBe('10.0.0.9');
    expect(edge.get('via')).toBe('1.0 fred, 1.1 windrose');
    const mesh = upstreamHeaders(believedHeaders(RECEIVED, 'outbound'), by);
    expect(mesh.get('x-forwarded-for')).toBe('6.6.6.6');
    expect(mesh.get('x-request-id')).toBe('new');
  });

  it('every Via line that came goes on: a loop is not hidden by a second one', () => {
    const via = HeaderList.fromRaw(['Via', '1.1 a', 'Via', '1.1 b']);
    const headers = upstreamHeaders(via, by);
    expect(headers.get('via')).toBe('1.1 a, 1.1 b, 1.1 windrose');
    expect(headers.count('via')).toBe(1);
  });
});

describe('responseHeaders', () => {
  it('keeps the framing and drops what was between the upstream and us', () => {
    const headers = responseHeaders(
      HeaderList.fromRaw([
        ...['Content-Length', '5', 'Connection', 'close, x-inner, content-length'],
        ...['X-Inner', '1', 'Keep-Alive', 'timeout=5', 'X-Windrose-Reason', 'x', 'ETag', '"1"'],
      ]),
    );
    expect(headers.toRaw()).toEqual(['Content-Length', '5', 'ETag', '"1"']);
  });
});
