import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseManifests } from '#platform/manifests.ts';
import { MeshState } from '#platform/state.ts';
import { compile } from '#proxy/pure.ts';
import { expect, test } from 'vitest';
import { NOW, windrose } from '../harness.ts';
import { meshAround } from './mesh-around.ts';

/** Adding a case is adding a `NAME.in.yaml`, whose first line is the command line. */
const FOLDER = join(import.meta.dirname, '../../../golden/import');
const cases = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.in.yaml'))
  .map((name) => name.slice(0, -'.in.yaml'.length));

async function translate(name: string): Promise<{ status: number; out: string; err: string }> {
  const stdin = readFileSync(join(FOLDER, `${name}.in.yaml`), 'utf8');
  const [, words = ''] = /^# windrose (.*)\n/.exec(stdin) ?? [];
  return windrose(words.split(' '), { stdin });
}

test('there are cases of every source', () => {
  for (const source of ['openapi', 'ingress', 'istio']) {
    expect(cases.some((name) => name.startsWith(source))).toBe(true);
  }
});

test.each(cases)('%s becomes what the golden files have', async (name) => {
  const { status, out, err } = await translate(name);
  expect(status).toBe(0);
  await expect(out).toMatchFileSnapshot(join(FOLDER, `${name}.out.yaml`));
  await expect(err).toMatchFileSnapshot(join(FOLDER, `${name}.notes.txt`));
});

test.each(cases)('%s becomes resources that are valid and can be applied', async (name) => {
  const { out } = await translate(name);
  const { resources, problems } = parseManifests(out, name);
  expect(problems).toEqual([]);
  const state = new MeshState();
  const upserts = [...meshAround(resources), ...resources];
  state.apply({ sequence: 1, time: new Date(NOW).toISOString(), upserts, deletes: [] });
  const revision = { epoch: 1, sequence: 1 };
  const result = compile({ entries: state.entries, revision, nowMs: NOW });
  expect(result.problems).toEqual([]);
});
