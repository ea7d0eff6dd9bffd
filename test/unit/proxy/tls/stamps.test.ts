import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FileStamps } from '#proxy/tls/stamps.ts';
import { tempDir } from '#test/parts.ts';
import { expect, test } from 'vitest';

test('files that were written, replaced, removed or made are told once', async () => {
  const folder = tempDir();
  const names = ['same', 'written', 'replaced', 'removed', 'made', 'none'];
  const [same = '', written = '', replaced = '', removed = '', made = '', none = ''] = names.map(
    (name) => join(folder, name),
  );
  for (const file of [same, written, replaced, removed]) writeFileSync(file, 'old');
  const stamps = new FileStamps([same, written, replaced, removed, made, none]);
  expect(await stamps.changed()).toEqual(new Set());
  writeFileSync(written, 'longer');
  writeFileSync(`${replaced}.new`, 'old');
  renameSync(`${replaced}.new`, replaced);
  rmSync(removed);
  writeFileSync(made, 'new');
  expect(await stamps.changed()).toEqual(new Set([written, replaced, removed, made]));
  expect(await stamps.changed()).toEqual(new Set());
});
