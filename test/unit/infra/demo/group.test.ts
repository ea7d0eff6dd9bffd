import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type GroupEvent, ProcessGroup } from '../../../../infra/demo/group.ts';
import { isAlive } from '#test/processes.ts';
import { tempDir } from '#test/parts.ts';
import { expect, onTestFinished, test } from 'vitest';

const STEADY = fileURLToPath(new URL('fixtures/steady.ts', import.meta.url));

function newGroup(): { group: ProcessGroup; events: GroupEvent[]; logDir: string } {
  const logDir = tempDir();
  const events: GroupEvent[] = [];
  const group = new ProcessGroup({
    logDir,
    env: process.env,
    onEvent: (event) => events.push(event),
  });
  onTestFinished(() => group.stopEach(group.names()));
  return { group, events, logDir };
}

test('a process that dies is started again, named, and found by its new id', async () => {
  const { group, events, logDir } = newGroup();
  await group.start({ name: 'a', module: STEADY, env: { COLOUR: 'blue' } });
  const before = group.pid('a');
  expect(readFileSync(join(logDir, 'a.log'), 'utf8')).toContain('ready blue');
  expect(await group.kill('a', 'SIGKILL')).toEqual({ code: null, signal: 'SIGKILL' });
  const after = await group.restarted('a', before, 10_000);
  expect(after).not.toBe(before);
  expect(events).toEqual([
    { name: 'a', kind: 'restarting', text: 'a ended (SIGKILL) and is started again' },
  ]);
  await group.stop('a');
  expect(isAlive(after)).toBe(false);
  expect(group.names()).toEqual([]);
});

test('a first start that fails rejects with the reason and leaves nothing', async () => {
  const { group, events } = newGroup();
  const failed = group.start({ name: 'b', module: STEADY, args: ['--fail'] });
  await expect(failed).rejects.toThrow(
    /^b ended before it was ready \(exit status 3\)[\s\S]*no luck today/,
  );
  expect(group.names()).toEqual([]);
  expect(events).toEqual([]);
});

test('stopping while it starts ends the start', async () => {
  const { group } = newGroup();
  const starting = group.start({ name: 'c', module: STEADY });
  const pid = group.pid('c') ?? 0;
  const ended = starting.catch(() => undefined);
  await group.stopEach(group.names());
  await ended;
  expect(isAlive(pid)).toBe(false);
});

test('a name that is not there is said', async () => {
  const { group } = newGroup();
  expect(() => group.pid('nobody')).toThrow('there is no process nobody here');
  await group.stopEach(['nobody']);
});
