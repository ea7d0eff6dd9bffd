import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const TESTS = new URL('../../../', import.meta.url);
const README = new URL('../services/platform/kafka/README.md', TESTS);

/** Names in the last column of the table of traps. */
function namedTests(): string[] {
  const [, table = ''] = readFileSync(README, 'utf8').split('## The traps');
  const rows = table.split('\n').filter((line) => line.startsWith('| '));
  return rows.flatMap((row) => [
    ...(row.split(' | ').at(-1) ?? '').matchAll(/_(.+?)_(?=,| \|)/g).map((found) => found[1] ?? ''),
  ]);
}

test('every test that the table of traps names is there', () => {
  const folders = ['faults', 'integration', 'unit'].map((name) =>
    fileURLToPath(new URL(name, TESTS)),
  );
  const sources = folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.test.ts'))
      .map((file) => readFileSync(`${folder}/${file}`, 'utf8')),
  );
  const names = namedTests();
  expect(names.length).toBeGreaterThan(15);
  const isThere = (name: string): boolean =>
    sources.some((text) => text.includes(`('${name}'`) || text.includes(`("${name}"`));
  expect(names.filter((name) => !isThere(name))).toEqual([]);
});
