import { describe, expect, it } from 'vitest';
import { type EndpointView, mergeViews } from '#proxy/upstream/view.ts';
import { AddressRules, endpointName, parseCidr } from '#proxy/upstream/addresses.ts';
import { EndpointBook } from '#proxy/upstream/book.ts';
import { OUTLIER_DEFAULT } from '#proxy/upstream/settings.ts';
import type { TrackedEndpoint } from '#proxy/upstream/tracked.ts';
import { announced, seeded } from '../support/world.ts';

const ANYWHERE = new AddressRules(undefined);

describe('AddressRules', () => {
  const rules = (...cidrs: string[]) =>
    new AddressRules(cidrs.flatMap((text) => parseCidr(text) ?? []));

  it('link-local and nobody are never endpoints, however they are written', () => {
    for (const address of [
      '169.254.169.254',
      '::ffff:169.254.169.254',
      'fe80::1',
      '0.0.0.0',
      '::',
      '224.0.0.1',
      '255.255.255.255',
      'ff02::1',
      'localhost',
      '',
    ]) {
      expect(ANYWHERE.allows(address), address).toBe(false);
      expect(rules('0.0.0.0/0', '::/0').allows(address), address).toBe(false);
    }
  });

  it('without networks everything else is allowed, with them only they are', () => {
    expect(ANYWHERE.allows('10.1.2.3')).toBe(true);
    expect(ANYWHERE.allows('2001:db8::1')).toBe(true);
    const some = rules('127.0.0.0/8', '2001:db8::/32');
    const asked = ['127.9.9.9', '128.0.0.1', '2001:db8::1', '2001:db9::1'];
    expect(asked.map((address) => some.allows(address))).toEqual([true, false, true, false]);
    expect(rules().allows('127.0.0.1')).toBe(false);
  });

  it('a network of one family holds no address of the other, however it is written', () => {
    const [four, six] = [rules('0.0.0.0/0'), rules('::/0')];
    const asked = ['10.1.2.3', '::ffff:10.1.2.3', '::ffff:a01:203', '2001:db8::1'];
    expect(asked.map((address) => four.allows(address))).toEqual([true, true, true, false]);
    expect(asked.map((address) => six.allows(address))).toEqual([false, false, false, true]);
  });

  it.each(['10.0.0.0', '10.0.0.0/33', '10.0.0.0/', '/8', '10.0.0/8', '::/129', '::/-1', 'x/8'])(
    '%s is no network',
    (text) => {
      expect(parseCidr(text)).toBeUndefined();
    },
  );

  it('writes IPv6 endpoints in brackets', () => {
    expect(endpointName({ address: '::1', port: 80 })).toBe('[::1]:80');
  });
});

describe('EndpointBook', () => {
  const A = announced('127.0.0.1');
  const B = announced('127.0.0.2');
  const C = announced('127.0.0.3');
  const book = (...endpoints: (typeof A)[]) => {
    const made = new EndpointBook('shop/app');
    made.sync([], ANYWHERE);
    made.announce(endpoints);
    return made;
  };
  const pick = (
    from: EndpointBook,
    how: 'RoundRobin' | 'LeastRequest' | 'Random' = 'RoundRobin',
    nowMs = 0,
    tried: TrackedEndpoint[] = [],
    random = seeded(1),
  ): TrackedEndpoint => {
    const picked = from.pick('', how, random, nowMs, tried);
    if (picked === undefined) throw new Error('no endpoint');
    return picked;
  };
  const fail = (from: EndpointBook, endpoint: TrackedEndpoint, nowMs = 0): boolean => {
    let ejected = false;
    for (let i = 0; i < 5; i++) ejected = from.report(endpoint, false, OUTLIER_DEFAULT, nowMs);
    return ejected;
  };

  it('round robin takes turns', () => {
    const turns = book(A, B, C);
    const names = Array.from({ length: 6 }, () => pick(turns).endpoint.address.at(-1));
    expect(names.join('')).toBe('123123');
  });

  it('least request avoids the busy one', () => {
    const some = book(A, B);
    const busy = pick(some, 'LeastRequest');
    busy.inFlight = 10;
    for (let seed = 0; seed < 50; seed++) {
      expect(pick(some, 'LeastRequest', 0, [], seeded(seed))).not.toBe(busy);
    }
  });

  it.each(['LeastRequest', 'Random'] as const)('%s spreads evenly', (how) => {
    const some = book(A, B, C);
    const random = seeded(3);
    const counts = new Map<string, number>();
    for (let i = 0; i < 3_000; i++) {
      const { name } = pick(some, how, 0, [], random);
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    for (const count of counts.values()) expect(Math.abs(count - 1_000)).toBeLessThan(150);
    expect(counts.size).toBe(3);
  });

  it('another try prefers another endpoint, and takes the same when there is no other', () => {
    const two = book(A, B);
    const first = pick(two);
    expect(pick(two, 'Random', 0, [first])).not.toBe(first);
    const one = book(A);
    expect(pick(one, 'RoundRobin', 0, [pick(one)])).toBe(pick(one));
  });

  it('ejects after five errors in a row, for 30 s', () => {
    const some = book(A, B);
    const bad = pick(some);
    for (let i = 0; i < 4; i++) expect(some.report(bad, false, OUTLIER_DEFAULT, 0)).toBe(false);
    expect(some.report(bad, true, OUTLIER_DEFAULT, 0)).toBe(false);
    expect(fail(some, bad)).toBe(true);
    for (let i = 0; i < 4; i++) expect(pick(some, 'RoundRobin', 29_999)).not.toBe(bad);
    expect(some.view('shop/a', 10_000)[0]).toMatchObject({
      state: 'ejected',
      ejectedForMs: 20_000,
    });
    const back = [pick(some, 'RoundRobin', 30_000), pick(some, 'RoundRobin', 30_000)];
    expect(back).toContain(bad);
    expect(some.view('shop/a', 30_000)[0]?.state).toBe('healthy');
  });

  it('never ejects the last, nor more than half', () => {
    const one = book(A);
    expect(fail(one, pick(one))).toBe(false);
    const three = book(A, B, C);
    const [a, b] = [pick(three), pick(three)];
    expect(fail(three, a)).toBe(true);
    expect(fail(three, b)).toBe(false);
    const never = { ...OUTLIER_DEFAULT, ejectedShareMax: 0 };
    const two = book(A, B);
    const bad = pick(two);
    for (let i = 0; i < 9; i++) expect(two.report(bad, false, never, 0)).toBe(false);
  });

  it('uses ejected ones when nothing else is left', () => {
    const some = book(A, B);
    const bad = pick(some);
    fail(some, bad);
    some.announce([bad.endpoint]);
    expect(pick(some)).toBe(bad);
  });

  it('keeps load and health of endpoints that stay, forgets those that go', () => {
    const some = book(A, B);
    const a = pick(some);
    a.inFlight = 3;
    fail(some, a);
    some.announce([A, C]);
    expect(
      some.view('s', 0).map(({ address, inFlight, state }) => [address, inFlight, state]),
    ).toEqual([
      ['127.0.0.1', 3, 'ejected'],
      ['127.0.0.3', 0, 'healthy'],
    ]);
    some.announce([C]);
    expect(some.report(a, false, OUTLIER_DEFAULT, 0)).toBe(false);
    some.announce([A, C]);
    expect(some.view('s', 0)[0]?.inFlight).toBe(0);
  });

  it('declared endpoints serve their port, announced ones every port', () => {
    const some = book(A);
    const declared = (address: string, portName: string) => ({
      ...announced(address, 9000, ''),
      portName,
    });
    some.sync([declared('127.0.0.1', 'web'), declared('127.0.0.2', 'admin')], ANYWHERE);
    const names = (portName: string) => {
      const found = new Set<string>();
      for (let i = 0; i < 4; i++) {
        const picked = some.pick(portName, 'RoundRobin', Math.random, 0, []);
        found.add(`${picked?.endpoint.address} ${picked?.endpoint.proxy}`);
      }
      return [...found].sort();
    };
    expect(names('web')).toEqual(['127.0.0.1 sidecar-127.0.0.1']);
    expect(names('admin')).toEqual(['127.0.0.1 sidecar-127.0.0.1', '127.0.0.2 ']);
  });

  it('what the mesh does not allow is no endpoint, whoever announced it', () => {
    const some = book(A, announced('10.0.0.1'), announced('169.254.169.254'));
    expect(some.view('s', 0)).toHaveLength(2);
    some.sync([], new AddressRules([{ address: '10.0.0.0', prefix: 8, family: 'ipv4' }]));
    expect(some.view('s', 0).map(({ address }) => address)).toEqual(['10.0.0.1']);
    some.announce([A]);
    expect(some.pick('', 'Random', Math.random, 0, [])).toBeUndefined();
  });
});

describe('mergeViews', () => {
  it('shows an endpoint once, whatever number of workers knows it', () => {
    const view = (more: Partial<EndpointView>): EndpointView => ({
      ...{ service: 'shop/app', address: '127.0.0.1', port: 80, proxy: '', zone: '' },
      ...{ state: 'healthy', ejectedForMs: 0, inFlight: 2, consecutiveErrors: 0, ...more },
    });
    const other = view({ port: 81 });
    const ejected = view({ state: 'ejected', ejectedForMs: 500, inFlight: 1 });
    expect(mergeViews([[view({}), other], [ejected]])).toEqual([
      view({ state: 'ejected', ejectedForMs: 500, inFlight: 3 }),
      other,
    ]);
    expect(mergeViews([])).toEqual([]);
  });
});
