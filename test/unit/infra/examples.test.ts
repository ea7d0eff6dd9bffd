// Every file of infra/examples is valid as it stands, and does what its head says.
import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { HTTPRouteFilter, KINDS } from '#contracts/resources/index.ts';
import { parseManifests } from '#platform/manifests.ts';
import { MeshState } from '#platform/state.ts';
import { compile, explain } from '#proxy/pure.ts';

const FOLDER = fileURLToPath(new URL('../../../infra/examples/', import.meta.url));
const WALL_MS = Date.parse('2026-01-01T00:00:00Z');
const FILES = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.yaml'))
  .sort();

/** `from shop/web GET http://… -H 'a: b' -> what becomes of it`. */
const EXPECTATION = new RegExp(
  /^# {3}(?:from (?<from>\S+) )?(?<method>[A-Z]+) (?<url>\S+)/.source +
    /(?<headers>(?: -H '[^']+')*) -> (?<to>.+)$/.source,
  'gm',
);

function read(name: string) {
  const text = readFileSync(`${FOLDER}${name}`, 'utf8');
  const manifests = parseManifests(text, name);
  const state = new MeshState();
  const time = new Date(WALL_MS).toISOString();
  state.apply({ sequence: 1, time, upserts: manifests.resources, deletes: [] });
  const revision = { epoch: 1, sequence: 1 };
  const compiled = compile({ entries: state.entries, revision, nowMs: WALL_MS });
  return { text, manifests, compiled };
}

test.each(FILES)('%s is valid and does what its head says', (name) => {
  const { text, manifests, compiled } = read(name);
  expect([...manifests.problems, ...compiled.problems]).toEqual([]);
  for (const { groups = {} } of text.matchAll(EXPECTATION)) {
    const { from, method = '', url = '', headers = '', to = '' } = groups;
    const fields = [...headers.matchAll(/-H '([^:]+): ([^']+)'/g)];
    const request = {
      ...{ method, url },
      headers: Object.fromEntries(fields.map(([, field = '', value = '']) => [field, value])),
      ...(from === undefined ? {} : { from }),
    };
    const { outcome } = explain(compiled.snapshot, request, { wallMs: WALL_MS });
    const { status = '', message } = outcome;
    const told = `${status} ${message}`.replace(' leads to ', ' ');
    expect(told, `${method} ${url}`).toContain(to);
  }
});

test('every line at the head of an example that looks like a request is one', () => {
  for (const name of FILES) {
    const { text } = read(name);
    const lines = text.split('\n').filter((line) => line.startsWith('#   '));
    expect([...text.matchAll(EXPECTATION)].map(([line]) => line)).toEqual(lines);
  }
});

test('every kind and every filter has an example', () => {
  const resources = FILES.flatMap((name) => read(name).manifests.resources);
  const kinds = new Set<string>(resources.map(({ kind }) => kind));
  expect(KINDS.map(({ kind }) => kind).filter((kind) => !kinds.has(kind))).toEqual([]);
  const text = FILES.map((name) => readFileSync(`${FOLDER}${name}`, 'utf8')).join('\n');
  const types: readonly string[] = HTTPRouteFilter.properties.type.enum;
  expect(types.filter((type) => !text.includes(`type: ${type}`))).toEqual([]);
});
