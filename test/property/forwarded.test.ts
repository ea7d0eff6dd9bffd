import { isIP } from 'node:net';
import { expect, test } from 'vitest';
import { HeaderList } from '#proxy/headers.ts';
import { parseForwarded, readForwardedFor } from '#proxy/listener/forwarded.ts';
import { type Origin, TrustedHops, originBehind } from '#proxy/listener/trusted-hops.ts';
import { oneOf, seeded } from '../unit/proxy/support/world.ts';

type Random = () => number;

const ROUNDS = 5_000;
const TRUSTED = ['10.0.0.1', '10.9.8.7', 'fd00::1'];
const CLIENTS = ['203.0.113.5', '198.51.100.7', '2001:db8::1', '::1'];
const HOPS = new TrustedHops(
  [
    { address: '10.0.0.0', prefix: 8, family: 'ipv4' },
    { address: 'fd00::', prefix: 8, family: 'ipv6' },
  ],
  undefined,
);
const PEER = { address: '10.0.0.254', host: 'shop.example', scheme: 'http' } as const;

function repeat<T>(random: Random, max: number, make: () => T): T[] {
  return Array.from({ length: Math.floor(random() * (max + 1)) }, make);
}

function node(random: Random, address: string): string {
  const isV6 = address.includes(':');
  const port = random() < 0.3 ? `:${Math.floor(random() * 65_536)}` : '';
  const text = (isV6 ? `[${address}]` : address) + port;
  return isV6 || port !== '' || random() < 0.2 ? quote(random, text) : text;
}

/** A quoted-string, in which any character may be escaped. */
function quote(random: Random, text: string): string {
  return `"${[...text].map((char) => (random() < 0.1 ? `\\${char}` : char)).join('')}"`;
}

interface Made {
  text: string;
  address: string;
  proto: string;
  host: string;
}

function element(random: Random, address: string): Made {
  const proto = oneOf(random, ['', 'http', 'HTTPS']);
  const host = oneOf(random, ['', 'a.example', 'a.example:81']);
  const hidden = oneOf(random, ['unknown', '_gazonk', '"_x:_y"']);
  const pairs = [
    `${oneOf(random, ['for', 'For'])}=${address === '' ? hidden : node(random, address)}`,
    ...(proto === '' ? [] : [`proto=${proto}`]),
    ...(host === '' ? [] : [`host=${host.includes(':') ? `"${host}"` : host}`]),
    ...(random() < 0.2 ? ['by=_edge'] : []),
    ...(random() < 0.2 ? [`x-more="a, b; c=\\"d"`] : []),
  ];
  return { text: shuffled(random, pairs).join(';'), address, proto: proto.toLowerCase(), host };
}

function shuffled<T>(random: Random, list: readonly T[]): T[] {
  return list
    .map((each) => [random(), each] as const)
    .toSorted(([a], [b]) => a - b)
    .map(([, each]) => each);
}

function mutated(random: Random, text: string): string {
  const at = Math.floor(random() * (text.length + 1));
  const byte = oneOf(random, [
    '"',
    '\\',
    ',',
    ';',
    '=',
    ' ',
    '\t',
    '[',
    ']',
    ':',
    'a',
    '.',
    '\xff',
  ]);
  return oneOf(random, [
    text.slice(0, at) + byte + text.slice(at),
    text.slice(0, at) + text.slice(at + 1),
    text.slice(0, at) + byte + text.slice(at + 1),
  ]);
}

test('Forwarded: what was written is read, whatever its spelling', () => {
  const random = seeded(1);
  for (let round = 0; round < ROUNDS; round++) {
    const made = repeat(random, 5, () =>
      element(random, oneOf(random, [...CLIENTS, ...TRUSTED, ''])),
    );
    const separator = oneOf(random, [',', ', ', ' ,\t', ', ,']);
    const field = made.map(({ text }) => text).join(separator);
    expect(parseForwarded(field), field).toEqual(made);
  }
});

test('Forwarded: whatever bytes come, what is believed is an address and well formed again', () => {
  const random = seeded(2);
  let refused = 0;
  for (let round = 0; round < ROUNDS; round++) {
    let field = repeat(random, 3, () => element(random, oneOf(random, CLIENTS)).text).join(', ');
    for (let change = 0; change < 1 + random() * 3; change++) field = mutated(random, field);
    const elements = parseForwarded(field);
    if (elements === undefined) {
      refused++;
      continue;
    }
    for (const { address } of elements)
      expect(address === '' || isIP(address) > 0, field).toBe(true);
    const again = elements.map(({ text }) => text).join(', ');
    expect(parseForwarded(again), field).toEqual(elements);
    // Nothing that ends an element or a field hides in one.
    const behind = parseForwarded(`${again}, for=192.0.2.1`);
    expect(behind?.at(-1), field).toMatchObject({ address: '192.0.2.1' });
  }
  expect(refused).toBeGreaterThan(ROUNDS / 10);
});

/** The rule in the fewest words, to compare with: from the right, up to the first stranger. */
function expectedChain(addresses: readonly (string | undefined)[]): string[] {
  const chain: string[] = [];
  for (const address of addresses.toReversed()) {
    if (address === undefined) break;
    chain.unshift(address);
    if (!TRUSTED.includes(address)) break;
  }
  return chain;
}

function checkConsistency(origin: Origin, chain: readonly string[], what: string): void {
  expect(origin.clientAddress, what).toBe(chain[0] ?? PEER.address);
  expect(origin.forwardedFor.split(', '), what).toEqual([...chain, PEER.address]);
  // Who reads the one field and who reads the other see the same client.
  const told = parseForwarded(origin.forwarded)?.map(({ address }) => address);
  expect(
    told?.filter((address) => address !== ''),
    what,
  ).toEqual([...chain, PEER.address]);
}

test('X-Forwarded-For: the client is the first address from the right that is not trusted', () => {
  const random = seeded(3);
  const garbage = [
    '',
    'unknown',
    '1.2.3',
    '10.0.0.1.',
    '[::1',
    'fe80::1%lo',
    '::ffff:1.2.3',
    'a b',
  ];
  for (let round = 0; round < ROUNDS; round++) {
    const entries = repeat(random, 6, () =>
      random() < 0.2
        ? [oneOf(random, garbage), undefined]
        : ((address) => [address, address])(oneOf(random, [...TRUSTED, ...TRUSTED, ...CLIENTS])),
    );
    const received = new HeaderList();
    const cut = Math.floor(random() * entries.length);
    for (const part of [entries.slice(0, cut), entries.slice(cut)]) {
      const line = part.map(([text]) => text).join(oneOf(random, [',', ', ', '\t, ']));
      if (part.length > 0) received.add('X-Forwarded-For', line);
    }
    const origin = originBehind(PEER, received, HOPS);
    const chain = expectedChain(entries.map(([, address]) => address));
    checkConsistency(origin, chain, received.get('x-forwarded-for') ?? '');
  }
});

test('Forwarded: the same client by the same rule, and all or nothing is believed', () => {
  const random = seeded(4);
  for (let round = 0; round < ROUNDS; round++) {
    const made = repeat(random, 6, () =>
      element(random, oneOf(random, [...TRUSTED, ...TRUSTED, ...CLIENTS, ''])),
    );
    const field = made.map(({ text }) => text).join(', ');
    const received = HeaderList.fromRaw(['Forwarded', field]);
    const chain = expectedChain(made.map(({ address }) => address || undefined));
    checkConsistency(originBehind(PEER, received, HOPS), chain, field);
    const broken = HeaderList.fromRaw(['Forwarded', field, 'Forwarded', 'for="']);
    checkConsistency(originBehind(PEER, broken, HOPS), [], field);
  }
});

test('both fields: nothing in the one changes what the other is believed for', () => {
  const random = seeded(5);
  for (let round = 0; round < ROUNDS; round++) {
    const named = repeat(random, 4, () => oneOf(random, [...TRUSTED, ...CLIENTS]));
    const made = repeat(random, 4, () =>
      element(random, oneOf(random, [...TRUSTED, ...CLIENTS, ''])),
    );
    const field = made.map(({ text }) => text).join(', ');
    const received = HeaderList.fromRaw(['X-Forwarded-For', named.join(','), 'Forwarded', field]);
    const by = (header: 'XForwardedFor' | 'Forwarded' | undefined): TrustedHops =>
      new TrustedHops(
        [
          { address: '10.0.0.0', prefix: 8, family: 'ipv4' },
          { address: 'fd00::', prefix: 8, family: 'ipv6' },
        ],
        header,
      );
    const what = `${named.join(',')} | ${field}`;
    const ofNamed = expectedChain(named);
    const ofField = expectedChain(made.map(({ address }) => address || undefined));
    checkConsistency(originBehind(PEER, received, by(undefined)), ofNamed, what);
    checkConsistency(originBehind(PEER, received, by('XForwardedFor')), ofNamed, what);
    checkConsistency(originBehind(PEER, received, by('Forwarded')), ofField, what);
  }
});

test('an entry of X-Forwarded-For is an address, with or without a port', () => {
  const entries: readonly [string, string | undefined][] = [
    ['1.2.3.4', '1.2.3.4'],
    ['1.2.3.4:80', '1.2.3.4'],
    ['2001:DB8::1', '2001:db8::1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['[2001:db8::1]:443', '2001:db8::1'],
    ['::ffff:1.2.3.4', '1.2.3.4'],
    ...['', 'unknown', '_a', '1.2.3.4:', '1.2.3.4:port', '[1.2.3.4]', '01.2.3.4', 'localhost'].map(
      (text): [string, undefined] => [text, undefined],
    ),
  ];
  for (const [text, address] of entries) expect(readForwardedFor(text), text).toBe(address);
});
