import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ManifestError, parseManifests, readManifests } from '#platform/manifests.ts';
import { tempDir } from '#test/parts.ts';

const service = (name: string): string =>
  `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}, namespace: shop}\n` +
  'spec: {ports: [{port: 80}]}\n';

describe('manifests', () => {
  it('reads several documents, JSON, lists and empty documents', () => {
    const text = `${service('a')}---\n---\n${service('b')}`;
    expect(parseManifests(text, 'x').resources.map((each) => each.metadata.name)).toEqual([
      'a',
      'b',
    ]);
    const list = `apiVersion: v1\nkind: List\nitems:\n- ${service('c').replaceAll('\n', '\n  ')}`;
    expect(parseManifests(list, 'x').resources).toHaveLength(1);
  });

  it('says in which document a broken text stands', () => {
    const { resources, problems } = parseManifests(`${service('a')}---\nkind: [\n`, 'x.yaml');
    expect(resources).toHaveLength(1);
    expect(problems).toEqual([
      expect.objectContaining({ resource: 'x.yaml (document 2)', reason: 'unreadable' }),
    ]);
  });

  it.each([
    ['JSON', String.raw`{"kind": "a", "texts": ["\ud83d\ude00", {"\uD83D": 1}]}`],
    ['YAML', String.raw`{kind: a, texts: ["\ud83d\ude00", "\udc00"]}`],
  ])('refuses half of a surrogate pair in %s', (_language, text) => {
    expect(parseManifests(text, 'x').problems).toEqual([
      {
        ...{ resource: 'x', path: '', reason: 'unreadable' },
        message: 'Lone surrogate is not allowed',
      },
    ]);
  });

  it('refuses aliases that expand without bound', () => {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
    for (let i = 1; i < 8; i++) lines.push(`a${i}: &a${i} [${`*a${i - 1}, `.repeat(10)}]`);
    const { resources, problems } = parseManifests(lines.join('\n'), 'bomb.yaml');
    expect(resources).toEqual([]);
    expect(problems).toEqual([expect.objectContaining({ reason: 'unreadable' })]);
  });

  it('reads folders in the order of their names and finds duplicates', async () => {
    const folder = tempDir();
    mkdirSync(join(folder, 'sub'));
    writeFileSync(join(folder, 'b.yaml'), service('b'));
    writeFileSync(join(folder, 'sub', 'a.yml'), service('b'));
    writeFileSync(join(folder, 'note.txt'), 'not a manifest');
    const { resources, problems } = await readManifests([folder]);
    expect(resources).toHaveLength(2);
    expect(problems).toEqual([
      expect.objectContaining({ resource: 'Service/shop/b', reason: 'duplicate' }),
    ]);
  });

  it('calls a file as it was named, so that two of one name are told apart', async () => {
    const folder = tempDir();
    for (const name of ['one', 'two']) {
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, 'same.yaml'), 'kind: [\n');
    }
    const { problems } = await readManifests([folder]);
    expect(problems.map((problem) => problem.resource)).toEqual([
      join(folder, 'one', 'same.yaml'),
      join(folder, 'two', 'same.yaml'),
    ]);
    expect(problems[0]?.message).not.toMatch(/:$/);
  });

  it('a missing file is one sentence', async () => {
    await expect(readManifests(['nowhere.yaml'])).rejects.toThrow(ManifestError);
    await expect(readManifests(['nowhere.yaml'])).rejects.toThrow(
      'cannot read nowhere.yaml: there is no such file or folder',
    );
  });
});
