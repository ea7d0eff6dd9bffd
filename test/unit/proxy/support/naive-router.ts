// What Gateway API says of precedence, without any table: all matches in one order, then a scan.
import type { RequestView } from '#proxy/exchange.ts';
import { PATTERNS, type WrittenMatch, type WrittenRoute, type WrittenTest } from './some-routes.ts';

interface Ranked {
  /** `namespace/name rule match`. */
  label: string;
  hostname: string;
  sections: readonly string[];
  rank: readonly (number | string)[];
  holds(view: RequestView): boolean;
}

export type Ranking = readonly Ranked[];

/** Every match of every route at each of its hostnames, the one that comes first first. */
export function rankAll(routes: readonly WrittenRoute[]): Ranking {
  const all: Ranked[] = [];
  for (const { name, createdAt, sections, hostnames, rules } of routes) {
    for (const hostname of hostnames.length === 0 ? [''] : hostnames) {
      rules.forEach(({ matches }, rule) => {
        (matches.length === 0 ? [{}] : matches).forEach((match: WrittenMatch, number) => {
          const rank = [
            ...[...rankOfHost(hostname), ...rankOfPath(match)],
            match.method === undefined ? 1 : 0,
            -firstEach(match.headers, true).length,
            -firstEach(match.queryParams, false).length,
            ...[createdAt, name, rule, number],
          ];
          const label = `${name} ${rule} ${number}`;
          all.push({ label, hostname, sections, rank, holds: holderOf(match) });
        });
      });
    }
  }
  return all.sort((a, b) => compareRanks(a.rank, b.rank));
}

/** The label of the match that a request gets; undefined: 404. */
export function scan(
  ranking: Ranking,
  listeners: Readonly<Record<string, string | undefined>>,
  view: RequestView,
): string | undefined {
  const listener = Object.keys(listeners)
    .filter((name) => covers(listeners[name] ?? '', view.host))
    .sort((a, b) => compareRanks(rankOfHost(listeners[a] ?? ''), rankOfHost(listeners[b] ?? '')))
    .at(0);
  if (listener === undefined) return undefined;
  return ranking.find(
    ({ hostname, sections, holds }) =>
      (sections.length === 0 || sections.includes(listener)) &&
      covers(hostname, view.host) &&
      holds(view),
  )?.label;
}

/** An exact name, then the longest wildcard, then none. */
function rankOfHost(hostname: string): number[] {
  return [hostname.startsWith('*') || hostname === '' ? 1 : 0, -hostname.length];
}

/** An exact path, then by characters; a regular expression before an equally long prefix. */
function rankOfPath({ path }: WrittenMatch): number[] {
  const { type = 'PathPrefix', value = '/' } = path ?? {};
  if (type === 'Exact') return [0, 0, 0];
  if (type === 'PathPrefix') return [1, -normal(value).replace(/\/$/, '').length, 1];
  return [1, -(PATTERNS[value] ?? '').length, 0];
}

function compareRanks(a: readonly (number | string)[], b: readonly (number | string)[]): number {
  for (let at = 0; at < a.length; at++) {
    const [x, y] = [a[at] ?? 0, b[at] ?? 0];
    if (x !== y) return x < y ? -1 : 1;
  }
  return 0;
}

function covers(hostname: string, host: string): boolean {
  if (hostname === '') return true;
  return hostname.startsWith('*.') ? host.endsWith(hostname.slice(1)) : host === hostname;
}

function normal(path: string): string {
  return path.replace(/%../g, (escape) =>
    escape.startsWith('%6') ? decodeURIComponent(escape) : escape.toUpperCase(),
  );
}

/** Of entries with one name the first counts; header names have no case. */
function firstEach(tests: readonly WrittenTest[] = [], isHeader: boolean): WrittenTest[] {
  const named = (test: WrittenTest): string => (isHeader ? test.name.toLowerCase() : test.name);
  return tests.filter(
    (test, at) => tests.findIndex((other) => named(other) === named(test)) === at,
  );
}

function holderOf(match: WrittenMatch): (view: RequestView) => boolean {
  const path = pathHolder(match);
  const headers = firstEach(match.headers, true).map(testHolder);
  const query = firstEach(match.queryParams, false).map(testHolder);
  return (view) =>
    path(view.path) &&
    (match.method === undefined || match.method === view.method) &&
    headers.every(([name, passes]) => passes(headerValue(view, name.toLowerCase()))) &&
    query.every(([name, passes]) => passes(new URLSearchParams(view.query).get(name)));
}

function pathHolder({ path }: WrittenMatch): (path: string) => boolean {
  const { type = 'PathPrefix', value = '/' } = path ?? {};
  if (type === 'RegularExpression') {
    const pattern = new RegExp(`^(?:${value})$`);
    return (given) => pattern.test(given);
  }
  const wanted = normal(value);
  if (type === 'Exact') return (given) => given === wanted;
  const prefix = wanted.replace(/\/$/, '');
  return (given) => prefix === '' || given === prefix || given.startsWith(`${prefix}/`);
}

/** A header that stands twice is one list. */
function headerValue(view: RequestView, name: string): string | null {
  const values: string[] = [];
  view.headers.forEach((each, value) => {
    if (each === name) values.push(value);
  });
  return values.length === 0 ? null : values.join(', ');
}

function testHolder(test: WrittenTest): [string, (value: string | null) => boolean] {
  const pattern = test.type === undefined ? undefined : new RegExp(`^(?:${test.value})$`);
  const passes = (value: string | null): boolean =>
    value !== null && (pattern === undefined ? value === test.value : pattern.test(value));
  return [test.name, passes];
}
