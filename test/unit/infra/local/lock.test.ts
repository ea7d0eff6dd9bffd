import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { lock, tryLock } from '#local/lock.mjs';
import { tempDir } from '#test/parts.ts';
import { expect, test } from 'vitest';

const LOCK = fileURLToPath(import.meta.resolve('#local/lock.mjs'));

test('one holder at a time; the next gets it when it is released', async () => {
  const path = join(tempDir(), 'thing');
  const held = await tryLock(path);
  expect(held).toBeDefined();
  expect(await tryLock(path)).toBeUndefined();
  let waited = false;
  const next = lock(path, () => {
    waited = true;
    held?.release();
  });
  (await next).release();
  expect(waited).toBe(true);
});

test('a holder that is killed leaves nothing behind', async () => {
  const path = join(tempDir(), 'thing');
  const source = `import { lock } from ${JSON.stringify(LOCK)};
    await lock(${JSON.stringify(path)}); console.log('held'); setInterval(() => {}, 1000);`;
  const holder = spawn(process.execPath, ['--input-type=module', '-e', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(holder.stdout, 'data');
  expect(await tryLock(path)).toBeUndefined();
  holder.kill('SIGKILL');
  await once(holder, 'exit');
  const held = await tryLock(path);
  expect(held).toBeDefined();
  held?.release();
});
