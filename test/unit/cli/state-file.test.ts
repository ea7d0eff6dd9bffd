import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '#test/parts.ts';
import { expect, test } from 'vitest';
import { readKeptState } from '../../../services/cli/state-file.ts';

const SNAPSHOT = {
  ...{ format: 1, mesh: 'demo', epoch: 1, sequence: 9, digest: 'sha256:00' },
  ...{ entries: [], endpoints: [] },
};

function written(text: string): string {
  const file = join(tempDir(), 'snapshot.json');
  writeFileSync(file, text);
  return file;
}

/** As a proxy writes it. */
function snapshot(body = JSON.stringify(SNAPSHOT), code = ''): string {
  return `${createHash('sha256').update(body).digest('hex')}${code}\n${body}\n`;
}

test('the snapshot of a proxy is a state to recover from', async () => {
  for (const code of ['', ` ${'0'.repeat(64)}`]) {
    expect(await readKeptState(written(snapshot(undefined, code)), 'demo')).toEqual({
      ...{ epoch: 1, sequence: 9, digest: 'sha256:00', entries: [] },
    });
  }
});

test.each([
  ['that is no snapshot', '{}\n', 2, 'is no snapshot of a proxy'],
  ['that is empty', '', 2, 'is no snapshot of a proxy'],
  ['that is damaged', snapshot().replace('demo', 'demi'), 1, 'is damaged'],
  ['of another mesh', snapshot(), 2, 'is of the mesh demo, not of shop'],
])('a file %s is one sentence', async (_what, text, status, message) => {
  const read = readKeptState(written(text), 'shop');
  await expect(read).rejects.toMatchObject({
    status,
    message: expect.stringContaining(message) as string,
  });
});

test('a file that is not there is one sentence', async () => {
  const read = readKeptState(join(tempDir(), 'none'), 'demo');
  await expect(read).rejects.toMatchObject({ status: 2, message: expect.stringContaining('none') });
});
