import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FakeClock } from '#platform/clock.ts';
import { createLog } from '#platform/log.ts';
import { LOOK_INTERVAL_MS, QUIET_MS, Watch } from '#proxy/watch.ts';
import { tempDir } from '#test/parts.ts';
import { until } from '#test/processes.ts';
import { expect, onTestFinished, test, vi } from 'vitest';

function watchOf(
  paths: readonly string[],
  look = vi.fn<() => Promise<void>>(async () => undefined),
) {
  const clock = new FakeClock();
  const log = createLog({ service: 'test', level: 'silent' });
  const [after, warn, error] = [
    vi.spyOn(clock, 'after'),
    vi.spyOn(log, 'warn'),
    vi.spyOn(log, 'error'),
  ];
  const watch = new Watch({ ...{ paths, what: 'papers', clock, log }, look });
  onTestFinished(() => watch.stop());
  const noticed = (): Promise<void> =>
    until('a change is noticed', () => after.mock.calls.some(([delayMs]) => delayMs === QUIET_MS));
  return { watch, clock, look, noticed, warn, error };
}

test.each([
  ['a file that is written', 'a.pem', 'a.pem', false],
  ['a file that is replaced by a rename', 'a.pem', 'a.pem', true],
  ['a file deep in a folder', '.', 'deep/b.pem', false],
])('%s is looked at once it is quiet', async (_name, watched, changed, renamed) => {
  const folder = tempDir();
  mkdirSync(join(folder, 'deep'));
  for (const name of ['a.pem', 'deep/b.pem']) writeFileSync(join(folder, name), 'old');
  const { watch, clock, look, noticed } = watchOf([join(folder, watched)]);
  watch.start();
  const file = join(folder, changed);
  writeFileSync(renamed ? `${file}.new` : file, 'new');
  if (renamed) renameSync(`${file}.new`, file);
  await noticed();
  clock.advance(QUIET_MS - 1);
  expect(look).not.toHaveBeenCalled();
  await until('it is looked at', () => {
    clock.advance(1);
    return look.mock.calls.length > 0;
  });
});

test('looks by itself, one after the other, also after one that failed', async () => {
  const ends: PromiseWithResolvers<void>[] = [];
  const look = vi.fn<() => Promise<void>>(() => {
    const end = Promise.withResolvers<void>();
    ends.push(end);
    return end.promise;
  });
  const { watch, clock, error } = watchOf([join(tempDir(), 'a.pem')], look);
  watch.start();
  clock.advance(LOOK_INTERVAL_MS - 1);
  clock.advance(1 + 2 * LOOK_INTERVAL_MS);
  await until('the first look', () => ends.length === 1);
  ends[0]?.reject(new Error('torn'));
  await until('the second look', () => ends.length === 2);
  expect(error).toHaveBeenCalledExactlyOnceWith({ error: 'torn' }, 'changed papers were not read');
  ends[1]?.resolve();
  await until('the third look', () => ends.length === 3);
});

test('a folder that cannot be watched is named in the log and looked at still', async () => {
  const folder = join(tempDir(), 'none');
  const { watch, clock, look, warn } = watchOf([join(folder, 'a.pem')]);
  watch.start();
  const message = 'changes of papers are noticed only every few seconds';
  expect(warn).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ folder }), message);
  clock.advance(LOOK_INTERVAL_MS);
  await until('it is looked at', () => look.mock.calls.length === 1);
});

test('what is stopped looks no more', async () => {
  const { watch, clock, look } = watchOf([join(tempDir(), 'a.pem')]);
  watch.start();
  watch.look();
  watch.stop();
  watch.look();
  clock.advance(3 * LOOK_INTERVAL_MS);
  await Promise.resolve();
  await Promise.resolve();
  expect(look).not.toHaveBeenCalled();
});
