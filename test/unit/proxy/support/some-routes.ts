// Route sets and requests, made up so that they meet one another in every way that has a rank.
import type { RequestView } from '#proxy/exchange.ts';
import { oneOf, request } from './world.ts';

export type Random = () => number;

export interface WrittenMatch {
  path?: { type: string; value: string };
  method?: string;
  headers?: WrittenTest[];
  queryParams?: WrittenTest[];
}
export interface WrittenTest {
  name: string;
  value: string;
  type?: string;
}
export interface WrittenRoute {
  /** `namespace/name`. */
  name: string;
  createdAt: number;
  /** Of the Gateway's listeners; empty: all. */
  sections: string[];
  hostnames: string[];
  rules: { matches: WrittenMatch[] }[];
}

const HOSTS = ['a.example', 'b.example', 'x.a.example', 'y.x.a.example', 'other.test', 'example'];
const HOSTNAMES = [
  ...['a.example', 'b.example', 'x.a.example', 'other.test'],
  ...['*.example', '*.a.example', '*.x.a.example', '*.test'],
];
/** Listeners of one port; the first list is what most Gateways have. */
const LISTENERS: Record<string, string | undefined>[] = [
  { http: undefined },
  { http: undefined, wide: '*.example' },
  { http: '*.example', narrow: '*.a.example', one: 'b.example' },
  { one: 'x.a.example', other: '*.test' },
];
const SEGMENTS = ['a', 'b', 'ab', 'c', '%C3%A4'];
/** As someone might write a segment that means the same. */
const SPELLINGS: Record<string, string> = { a: '%61', '%C3%A4': '%c3%A4', ab: '%61%62' };
/** Each with the text with which all that it matches begins. */
export const PATTERNS: Readonly<Record<string, string>> = {
  '/a/.*': '/a/',
  '/[ab]+': '/',
  '/(a|b)/c/?': '/',
  '.*c': '',
  '.*': '',
  '^/a.*$': '/a',
  '/a|/b': '/',
  '(?:/ab)?/c': '',
  '/ab?/.*': '/a',
  '(/ab)|/ab/c.*': '',
  '/ab|/ab/c.*': '/ab',
  '/(?i:A)/b': '/',
  '/a/b(/[a-c]*)?': '/a/b',
  '/%C3%A4/.+': '/%C3%A4/',
  '/a': '/a',
  ...Object.fromEntries(Array.from({ length: 40 }, (_, more) => [`/[a-c]{1,${more + 1}}/?`, '/'])),
  ...Object.fromEntries(
    Array.from({ length: 40 }, (_, more) => [`/a/[bc/]{${more % 4},${more + 4}}`, '/a/']),
  ),
};

export function someListeners(random: Random): Record<string, string | undefined> {
  return random() < 0.4 ? (LISTENERS[0] ?? {}) : oneOf(random, LISTENERS);
}

function somePath(random: Random): string {
  const depth = Math.floor(random() * 4);
  const end = random() < 0.2 ? '/' : '';
  const path = Array.from({ length: depth }, () => `/${oneOf(random, SEGMENTS)}`).join('');
  return path === '' ? '/' : path + end;
}

function respelled(random: Random, path: string): string {
  const written = path.split('/').map((segment) => {
    return random() < 0.1 ? (SPELLINGS[segment] ?? segment) : segment;
  });
  return written.join('/');
}

function someTests(random: Random, names: readonly string[], values: object[]): WrittenTest[] {
  const count = 1 + Math.floor(random() * names.length);
  return names.slice(0, count).map((name) => ({
    name,
    ...(oneOf(random, values) as { value: string }),
  }));
}

/** `share`: of its paths that are regular expressions. */
export function someMatch(random: Random, share: number): WrittenMatch {
  const match: WrittenMatch = {};
  const type =
    random() < share
      ? 'RegularExpression'
      : oneOf(random, ['Exact', 'PathPrefix', 'PathPrefix', '']);
  const isPattern = type === 'RegularExpression';
  const value = isPattern
    ? oneOf(random, Object.keys(PATTERNS))
    : respelled(random, somePath(random));
  if (type !== '') match.path = { type, value };
  if (random() < 0.3) match.method = oneOf(random, ['GET', 'POST']);
  if (random() < 0.3) {
    // `X-TWO` is a second entry for the second header: it says nothing.
    match.headers = someTests(random, oneOf(random, [HEADERS.slice(0, 2), HEADERS]), [
      ...[{ value: '1' }, { value: '1, 2' }],
      { value: '[12]', type: 'RegularExpression' },
      { value: '.*, 2', type: 'RegularExpression' },
    ]);
  }
  if (random() < 0.25) {
    match.queryParams = someTests(
      random,
      ['q', 'p'],
      [
        ...[{ value: '1' }, { value: 'two words' }],
        { value: '[0-9]|two.*', type: 'RegularExpression' },
      ],
    );
  }
  return match;
}

const HEADERS = ['X-One', 'x-two', 'X-TWO'];

export function someRoute(
  random: Random,
  name: string,
  sections: readonly string[] = [],
  share = 0.2,
): Omit<WrittenRoute, 'createdAt'> {
  const rules = Array.from({ length: 1 + Math.floor(random() * 3) }, () => ({
    matches: Array.from({ length: Math.floor(random() * 3) }, () => someMatch(random, share)),
  }));
  return {
    name,
    sections: sections.filter(() => random() < 0.3),
    hostnames: HOSTNAMES.filter(() => random() < 0.2),
    rules,
  };
}

export function specOf(written: Omit<WrittenRoute, 'createdAt'>): object {
  const backendRefs = [{ name: 'app', port: 80 }];
  const edge = { name: 'edge', namespace: 'shop' };
  const { sections, hostnames } = written;
  return {
    parentRefs:
      sections.length === 0 ? [edge] : sections.map((sectionName) => ({ ...edge, sectionName })),
    ...(hostnames.length === 0 ? {} : { hostnames }),
    rules: written.rules.map((rule) => ({ ...rule, backendRefs })),
  };
}

const QUERIES = [
  ...['', '?q=1', '?p=2&q=two+words', '?q=two%20words&q=1', '?Q=1', '?p=1&%71=1', '?q'],
  ...['?p=1&q=', '?qq=1&q=1&p=1'],
];

export function someRequest(random: Random): RequestView {
  const view = request({
    host: oneOf(random, HOSTS),
    path: random() < 0.005 ? '*' : somePath(random),
    query: oneOf(random, QUERIES),
    method: oneOf(random, ['GET', 'GET', 'POST', 'PUT', 'get']),
  });
  for (const name of ['x-one', 'X-Two', 'x-ONE']) {
    if (random() < 0.4) view.headers.add(name, oneOf(random, ['1', '2', '3']));
  }
  return view;
}
