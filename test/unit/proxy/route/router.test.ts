import { describe, expect, it } from 'vitest';
import { HeaderList } from '#proxy/headers.ts';
import { type CompiledSnapshot, decide } from '#proxy/pure.ts';
import { type RouteMatch, compareMatches } from '#proxy/route/match.ts';
import { type Pattern, compilePattern, patternSet } from '#proxy/route/pattern.ts';
import { queryEquals, queryValue } from '#proxy/route/query.ts';
import { socketTable } from '#proxy/route/sockets.ts';
import { type TextNode, editTree, emptyTree, entriesOf, valueOf } from '#proxy/route/text-tree.ts';
import { longestWildcard, wildcardNames, wildcardTree } from '#proxy/route/wildcards.ts';
import { World, gateway, oneOf, request, route, seeded, service } from '../support/world.ts';

type Written = Record<string, unknown>;

/** One route with a rule for each match; they are named by their numbers. */
function matching(matches: Written[], spec: object = {}): World {
  const rules = matches.map((match, number) => ({
    ...{ name: `m${number}`, matches: [match] },
    backendRefs: [{ name: 'app', port: 80 }],
  }));
  return new World(gateway('edge', [{}]), service('app'), route('r', { ...spec, rules }));
}

function ruleFor(snapshot: CompiledSnapshot, fields: Parameters<typeof request>[0]): string {
  const sockets = socketTable(snapshot.listeners);
  const view = request(fields);
  const decision = decide({ snapshot, sockets, service: undefined, request: view });
  return decision.kind === 'rule' ? decision.match.leadsTo.rule : decision.kind;
}

const prefix = (value: string, more: object = {}): Written => ({ path: { value }, ...more });
const exact = (value: string): Written => ({ path: { type: 'Exact', value } });
const regex = (value: string): Written => ({ path: { type: 'RegularExpression', value } });
const header = (value: string, name = 'x-a'): Written => ({ headers: [{ name, value }] });

describe('precedence', () => {
  // Each: what comes first, what comes second, and a request that meets both.
  const both = { path: '/a/b', query: '?q=1&p=1', headers: { 'x-a': '1', 'x-b': '1' } };
  const one = { queryParams: [{ name: 'q', value: '1' }] };
  it.each<[string, Written, Written]>([
    ['an exact path before a prefix', exact('/a/b'), prefix('/a/b', header('1'))],
    ['an exact path before an expression', exact('/a/b'), regex('/a/b')],
    ['a longer prefix before a shorter one', prefix('/a/b'), prefix('/a', { method: 'GET' })],
    ['a prefix before what its slash makes no longer', prefix('/a', one), prefix('/a/')],
    ['a method before headers', prefix('/a', { method: 'GET' }), prefix('/a', header('1'))],
    [
      'two headers before one and query parameters',
      prefix('/a', { headers: ['x-a', 'x-b'].map((name) => ({ name, value: '1' })) }),
      prefix('/a', { ...header('1'), ...one }),
    ],
    ['a query parameter before nothing', prefix('/a', one), prefix('/a')],
    ['an expression before a prefix as long as its beginning', regex('/a/[b]?b'), prefix('/a')],
    ['an expression before every request', regex('.*'), prefix('/')],
    ['a prefix before an expression with a shorter beginning', prefix('/a/b'), regex('/a/.*')],
    ['an expression with a longer beginning', regex('/a/.+'), regex('/[a-z]/b')],
  ])('%s', (_, first, second) => {
    expect(ruleFor(matching([first, second]).snapshot, both)).toBe('m0');
    expect(ruleFor(matching([second, first]).snapshot, both)).toBe('m1');
  });

  it('the earlier rule and match where nothing else tells', () => {
    const { snapshot } = matching([prefix('/a'), prefix('/a')]);
    expect(ruleFor(snapshot, both)).toBe('m0');
  });

  it('routes of two kinds with one name have an order', () => {
    const age = { createdAt: 1, route: 'shop/r', rule: 0, match: 0 };
    const of = (kind: string): RouteMatch<string> => ({
      ...{ leadsTo: kind, path: { type: 'Exact', value: '/' }, template: '/', method: undefined },
      ...{ headers: [], query: [], age: { ...age, kind } },
    });
    expect(compareMatches(of('GRPCRoute'), of('HTTPRoute'))).toBeLessThan(0);
    expect(compareMatches(of('HTTPRoute'), of('GRPCRoute'))).toBeGreaterThan(0);
  });
});

describe('a match', () => {
  it.each([
    ['of a method has its case', { method: 'GET' }, { method: 'get' }, 'none'],
    ['of a header has no case in its name', header('1', 'X-A'), { headers: { 'x-A': '1' } }, 'm0'],
    ['of a header has the case of its value', header('a'), { headers: { 'x-a': 'A' } }, 'none'],
    ['of a header is of the whole value', header('1'), { headers: { 'x-a': '12' } }, 'none'],
    [
      'of a parameter is of the first',
      { queryParams: [{ name: 'q', value: '2' }] },
      { query: '?q=1&q=2' },
      'none',
    ],
    [
      'of a parameter has the case of its name',
      { queryParams: [{ name: 'q', value: '1' }] },
      { query: '?Q=1' },
      'none',
    ],
    ['of a path has its case', prefix('/A'), { path: '/a' }, 'none'],
    ['of a prefix ends with an element', prefix('/a'), { path: '/ab' }, 'none'],
    ['of a prefix is also of its path', prefix('/a/'), { path: '/a' }, 'm0'],
    ['of every prefix is also of no path', prefix('/'), { path: '*', method: 'OPTIONS' }, 'm0'],
    ['of an exact path is not of a folder', exact('/a'), { path: '/a/' }, 'none'],
    ['means the path, however it escapes it', exact('/%61%c3%a4'), { path: '/a%C3%A4' }, 'm0'],
  ])('%s', (_, match, fields, expected) => {
    expect(ruleFor(matching([match]).snapshot, fields)).toBe(expected);
  });

  it('of a header that stands twice is of the list of its values', () => {
    const view = { headers: {} };
    const answers = ['1', '2', '1, 2'].map((value) => {
      const { snapshot } = matching([header(value)]);
      const sockets = socketTable(snapshot.listeners);
      const twice = request(view);
      twice.headers.add('X-A', '1');
      twice.headers.add('x-a', '2');
      return decide({ snapshot, sockets, service: undefined, request: twice }).kind;
    });
    expect(answers).toEqual(['none', 'none', 'rule']);
  });

  it('with an escaped slash is refused, with what to write instead', () => {
    const { problems } = matching([prefix('/v1.0/a%2fb')]);
    expect(problems.map(({ reason, hint }) => [reason, hint])).toEqual([
      [
        'invalid_value',
        'where a ListenerPolicy keeps escaped slashes, use a RegularExpression such as ' +
          '/v1\\.0/a%2Fb; where it decodes them, write /v1.0/a/b',
      ],
    ]);
    const { snapshot } = matching([regex('/v1\\.0/a%2Fb')]);
    expect(ruleFor(snapshot, { path: '/v1.0/a%2Fb' })).toBe('m0');
  });
});

describe('text trees', () => {
  const ALPHABET = ['a', 'b', '/', 'ab/', '/long-label-', 'z'];
  const someKey = (random: () => number): string =>
    Array.from({ length: Math.floor(random() * 6) }, () => oneOf(random, ALPHABET)).join('');

  it('have what was put into them, and nothing of it changes', () => {
    const random = seeded(3);
    for (let round = 0; round < 200; round++) {
      let tree: TextNode<number> = emptyTree();
      const expected = new Map<string, number>();
      for (let step = 0; step < 12; step++) {
        const changes = new Map<string, number | undefined>();
        for (let left = 1 + Math.floor(random() * 4); left > 0; left--) {
          changes.set(someKey(random), random() < 0.4 ? undefined : step);
        }
        const before = [...entriesOf(tree)];
        const sorted = [...changes].sort(([a], [b]) => (a < b ? -1 : 1));
        const after = editTree(tree, sorted);
        expect([...entriesOf(tree)]).toEqual(before);
        tree = after;
        for (const [key, value] of changes) {
          if (value === undefined) expected.delete(key);
          else expected.set(key, value);
        }
        const inOrder = [...expected].sort(([a], [b]) => (a < b ? -1 : 1));
        expect([...entriesOf(tree)]).toEqual(inOrder);
        const key = someKey(random);
        expect(valueOf(tree, key)).toBe(expected.get(key));
        expect(isCompact(tree)).toBe(true);
      }
    }
  });

  /** No node but the root is there for a single child. */
  function isCompact({ children }: TextNode<number>): boolean {
    const nodes = children.filter((child) => child !== undefined);
    const compact = nodes.every((child) => {
      const count = child.children.filter((each) => each !== undefined).length;
      return (child.value !== undefined || count > 1) && isCompact(child);
    });
    return compact && (children.length === 0 || nodes.length > 0);
  }

  it('share what an edit does not touch', () => {
    const keys = ['/a/b', '/a/c', '/b/d'].map((key) => [key, 1] as const);
    const before = editTree<number>(emptyTree(), keys);
    const after = editTree(before, [['/a/c', 2]]);
    const under = (tree: TextNode<number>, first: string): unknown =>
      tree.children[0]?.children.find((child) => child?.label.startsWith(first));
    expect(under(after, 'b')).toBe(under(before, 'b'));
    expect(under(after, 'a')).not.toBe(under(before, 'a'));
  });

  it('read backwards find the longest wildcard, and none of no label', () => {
    const names = ['*.a.test', '*.test', '*.b.a.test'];
    const tree = wildcardTree(undefined, new Map(names.map((name) => [name, name])));
    const found = ['x.b.a.test', 'b.a.test', 'a.test', 'test', '.test', 'xa.test', ''].map(
      (host) => tree && longestWildcard(tree, host),
    );
    expect(found).toEqual([
      '*.b.a.test',
      '*.a.test',
      '*.test',
      undefined,
      undefined,
      '*.test',
      undefined,
    ]);
    expect(tree && wildcardNames(tree).sort()).toEqual(names.sort());
    const emptied = new Map(names.map((name) => [name, undefined]));
    expect(wildcardTree(tree, emptied)).toBeUndefined();
  });
});

describe('expressions', () => {
  const compiled = (source: string): Pattern => {
    const result = compilePattern(source);
    if (!result.ok) throw new Error(result.message);
    return result.pattern;
  };

  it.each([
    ['/users/[0-9]+', '/users/'],
    ['^/users/.*$', '/users/'],
    ['/v1\\.0/x?', '/v1.0/'],
    ['\\Q/a.b\\E.*', '/a.b'],
    ['(/a)(?P<rest>/b.*)', '/a/b'],
    ['/ab*', '/a'],
    ['/ab|/ac', '/a'],
    ['/a|', ''],
    ['/(?i:A)', '/'],
    ['/ü/x', '/'],
    ['.*', ''],
  ])('%s begin with %s', (source, literal) => {
    expect(compiled(source).literal).toBe(literal);
  });

  it('in a set match as each alone does', () => {
    const sources = ['/a/.*', '/a|/b', '^/[ab]$', '.*b', '/a\\b.*', '(?i)/A', '/ü', '', '/a/(b|c)'];
    const patterns = sources.map(compiled);
    const set = patternSet(patterns);
    for (const text of ['', '/', '/a', '/b', '/A', '/a/b', '/a/c', '/a/\n', '/ü', 'x/a', '/ab']) {
      const alone = patterns.flatMap((pattern, number) => (pattern.matches(text) ? [number] : []));
      expect(set.matches(text), text).toEqual(alone);
    }
  });
});

it('a value is equal exactly when it is what would be read', () => {
  const headers = HeaderList.fromRaw(['A', '1', 'b', '', 'a', '22', 'C', '3']);
  for (const name of ['a', 'b', 'c', 'd']) {
    for (const value of ['1', '1, 22', '', '3', '33', '22']) {
      expect(headers.equals(name, value), `${name} ${value}`).toBe(headers.get(name) === value);
    }
  }
  for (const query of [
    '',
    '?',
    '?a',
    '?a=&a=1',
    '?a=1',
    '?%61=1',
    '?a=%31&b',
    '?a=+&b=1',
    '?aa=1',
  ]) {
    for (const value of ['', '1', ' ', '%31']) {
      expect(queryEquals(query, 'a', value), query).toBe(queryValue(query, 'a') === value);
    }
  }
});
