import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';

const LOG = new URL('../../../services/platform/log.ts', import.meta.url).href;
const SERVICE_LOG = new URL('../../../services/platform/service-log.ts', import.meta.url).href;

/** What a process writes to stderr that makes a log and then runs this code. */
function written(make: 'createLog' | 'createServiceLog', code: string): Record<string, unknown>[] {
  const { status, stderr } = spawnSync(
    process.execPath,
    [
      ...['--no-warnings', '--input-type=module', '-e'],
      `import { ${make} } from '${make === 'createLog' ? LOG : SERVICE_LOG}';
       const log = ${make}({ service: 'proxy', level: 'info', fields: { mesh: 'm' } });
       ${code}`,
    ],
    { encoding: 'utf8' },
  );
  expect([status, stderr]).toEqual([0, expect.anything()]);
  const lines = stderr.split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

it.each(['createLog', 'createServiceLog'] as const)('%s writes a line of JSON a call', (make) => {
  const lines = written(
    make,
    `log.info('plain');
     log.warn({ revision: 7, left: undefined }, 'with "fields"');
     log.debug({ a: 1 }, 'below the level');
     log.level = 'debug';
     log.debug({ a: 1 }, 'now written');
     log.level = 'silent';
     log.error('nobody hears it');`,
  );
  const head = { time: expect.stringMatching(/^\d{4}-.*\.\d{3}Z$/), service: 'proxy', mesh: 'm' };
  expect(lines).toEqual([
    { level: 'info', ...head, msg: 'plain' },
    { level: 'warn', ...head, revision: 7, msg: 'with "fields"' },
    { level: 'debug', ...head, a: 1, msg: 'now written' },
  ]);
  expect(Object.keys(lines[1] ?? {})).toEqual([
    ...['level', 'time', 'service', 'mesh', 'revision', 'msg'],
  ]);
});

it('writes the message where the fields have no form in JSON', () => {
  const lines = written('createLog', `const a = {}; a.a = a; log.error({ a }, 'went wrong');`);
  expect(lines).toEqual([expect.objectContaining({ level: 'error', msg: 'went wrong' })]);
});

it('refuses a level that there is not', () => {
  const lines = written(
    'createLog',
    `try { log.level = 'loud' } catch (error) { log.info(error.message) }
     log.info(log.level);`,
  );
  expect(lines.map(({ msg }) => msg)).toEqual([
    'loud is no level of a log: trace, debug, info, warn, error, silent',
    'info',
  ]);
});

it('writes a long line whole, however the pipe takes it', () => {
  const lines = written('createLog', `log.info({ text: 'x'.repeat(1_000_000) }, 'long');`);
  expect(lines).toEqual([expect.objectContaining({ text: 'x'.repeat(1_000_000), msg: 'long' })]);
});

it('goes on when nobody reads', () => {
  const { stdout } = spawnSync(
    'sh',
    [
      '-c',
      `{ "$0" --no-warnings --input-type=module -e "$1" 2>&1 1>&3 | true; } 3>&1`,
      process.execPath,
      `import { createLog } from '${LOG}';
       await new Promise((resolve) => setTimeout(resolve, 300));
       createLog({ service: 'proxy', level: 'info' }).info('to nobody');
       process.stdout.write('went on');`,
    ],
    { encoding: 'utf8' },
  );
  expect(stdout).toBe('went on');
});
