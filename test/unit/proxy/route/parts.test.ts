import { LISTENER_DEFAULT } from '#proxy/listener/settings.ts';
import { describe, expect, it } from 'vitest';
import { HeaderList } from '#proxy/headers.ts';
import { pickBackend } from '#proxy/route/backends.ts';
import {
  applyHeaderEdit,
  compileHeaderEdit,
  isProtectedHeader,
} from '#proxy/route/filters/headers.ts';
import { covers, hostnamesMeet } from '#proxy/route/hostname.ts';
import { compilePattern } from '#proxy/route/pattern.ts';
import { queryValue } from '#proxy/route/query.ts';
import { serviceOfHost } from '#proxy/route/service-host.ts';
import { listenerForHost, socketTable } from '#proxy/route/sockets.ts';
import type { ListenerSpec } from '#proxy/pure.ts';
import { seeded } from '../support/world.ts';

describe('queryValue', () => {
  it.each([
    ['', 'a', undefined],
    ['?', 'a', undefined],
    ['?a=1', 'a', '1'],
    ['?a', 'a', ''],
    ['?b=2&a=1&a=3', 'a', '1'],
    ['?a=x%20y+z', 'a', 'x y z'],
    ['?%61=1', 'a', '1'],
    ['?a=%zz', 'a', '%zz'],
    ['?ab=1', 'a', undefined],
    ['?x=a=1', 'a', undefined],
    ['?a=b=c', 'a', 'b=c'],
    ['?A=1', 'a', undefined],
  ])('%s %s', (query, name, value) => {
    expect(queryValue(query, name)).toBe(value);
  });
});

describe('serviceOfHost', () => {
  it.each([
    ['reviews', 'shop/reviews'],
    ['reviews.bank', 'bank/reviews'],
    ['reviews.bank.svc', 'bank/reviews'],
    ['reviews.bank.svc.cluster.local', 'bank/reviews'],
    ['reviews.bank.svc.cluster', undefined],
    ['reviews.bank.svc.cluster.local.more', undefined],
    ['reviews.bank.com', undefined],
    ['.bank', undefined],
    ['reviews.', undefined],
    ['', undefined],
  ])('%s', (host, name) => {
    expect(serviceOfHost(host, 'shop')).toBe(name);
  });
});

describe('hostnames', () => {
  it('a wildcard stands for one or more labels, never for none', () => {
    expect(covers('*.a.test', 'x.a.test')).toBe(true);
    expect(covers('*.a.test', 'y.x.a.test')).toBe(true);
    expect(covers('*.a.test', 'a.test')).toBe(false);
    expect(covers('*.a.test', 'xa.test')).toBe(false);
  });

  it('meet in either direction', () => {
    expect(hostnamesMeet('*.test', '*.a.test')).toBe(true);
    expect(hostnamesMeet('b.a.test', '*.a.test')).toBe(true);
    expect(hostnamesMeet('*.b.test', '*.a.test')).toBe(false);
  });
});

describe('sockets', () => {
  const listener = (name: string, hostname?: string, createdAt = 1): ListenerSpec => ({
    name,
    gateway: `shop/${name}`,
    addresses: [],
    port: 80,
    protocol: 'HTTP',
    sockets: [':80'],
    createdAt,
    settings: LISTENER_DEFAULT,
    ...(hostname === undefined ? {} : { hostname }),
  });

  it('the host decides between the listeners of one socket', () => {
    const table = socketTable([
      listener('any'),
      listener('wild', '*.test'),
      listener('wilder', '*.a.test'),
      listener('exact', 'x.a.test'),
    ]);
    const socket = table.get(':80');
    const chosen = ['x.a.test', 'y.a.test', 'b.test', 'other'].map(
      (host) => socket && listenerForHost(socket, host)?.name,
    );
    expect(chosen).toEqual(['exact', 'wilder', 'wild', 'any']);
    expect(table.get('127.0.0.1:80')).toBeUndefined();
  });

  it('of two with the same hostname the older is served', () => {
    const socket = socketTable([listener('new', 'a', 2), listener('old', 'a', 1)]).get(':80');
    expect(socket && listenerForHost(socket, 'a')?.name).toBe('old');
    expect(socket && listenerForHost(socket, 'b')).toBeUndefined();
  });
});

describe('patterns', () => {
  it('match the whole text', () => {
    const result = compilePattern('/v[12]');
    expect(result.ok && result.pattern.matches('/v1')).toBe(true);
    expect(result.ok && result.pattern.matches('/v1/x')).toBe(false);
  });

  it.each(['(a)\\1', '(?=a)', '[', '((a{100}){100}){100}', '(x{500}){3}y{900}'])(
    'refuse what is not linear or too large: %s',
    (source) => {
      expect(compilePattern(source).ok).toBe(false);
    },
  );

  it('take a hostile text in linear time', () => {
    const result = compilePattern('(x+x+)+y');
    const startMs = performance.now();
    expect(result.ok && result.pattern.matches('x'.repeat(50_000))).toBe(false);
    // A backtracking engine would need longer than the universe has had.
    expect(performance.now() - startMs).toBeLessThan(5_000);
  });
});

describe('header filters', () => {
  it('remove, then set, then add', () => {
    const headers = HeaderList.fromRaw(['a', '1', 'B', '2', 'b', '3', 'c', '4']);
    const edit = compileHeaderEdit({
      remove: ['A'],
      set: [{ name: 'b', value: 'set' }],
      add: [
        { name: 'C', value: '5' },
        { name: 'a', value: '6' },
      ],
    });
    applyHeaderEdit(edit, headers);
    expect(headers.toRaw()).toEqual(['c', '4', 'b', 'set', 'C', '5', 'a', '6']);
  });

  it('keep away from framing, routing and what proxies tell one another', () => {
    const names = ['Host', 'content-length', 'Transfer-Encoding', 'x-windrose-consumer', 'x-api'];
    expect(names.map(isProtectedHeader)).toEqual([true, true, true, true, false]);
  });
});

describe('pickBackend', () => {
  const backend = (label: string, weight: number) => ({
    service: label,
    port: 80,
    label,
    weight,
    valid: true,
    isForGateways: true,
    filters: [],
  });

  it('gives each its share, and nothing to weight 0', () => {
    const rule = {
      backends: [backend('a', 90), backend('z', 0), backend('b', 10)],
      weightSum: 100,
    };
    const random = seeded(1);
    const counts: Record<string, number> = {};
    for (let i = 0; i < 20_000; i++) {
      const { label } = pickBackend(rule, random) ?? { label: 'none' };
      counts[label] = (counts[label] ?? 0) + 1;
    }
    expect(Object.keys(counts).sort()).toEqual(['a', 'b']);
    expect((counts['b'] ?? 0) / 20_000).toBeCloseTo(0.1, 2);
  });

  it('covers the whole range of the random number', () => {
    const rule = { backends: [backend('a', 1), backend('b', 1)], weightSum: 2 };
    expect([0, 0.4999, 0.5, 0.9999].map((r) => pickBackend(rule, () => r)?.label)).toEqual([
      'a',
      'a',
      'b',
      'b',
    ]);
    expect(pickBackend({ backends: [], weightSum: 0 }, () => 0)).toBeUndefined();
  });
});
