import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ROOT } from '#local/install.mjs';
import { tempDir } from '#test/parts.ts';
import { expect, test } from 'vitest';

const CONFIG = '.oxlintrc.json';

function run(cwd: string, name: string, args: readonly string[]): string {
  const program = join(ROOT, 'node_modules', '.bin', name);
  const { status, stdout, stderr } = spawnSync(program, args, { cwd, encoding: 'utf8' });
  return status === 0 ? '' : stdout + stderr;
}

/** What oxlint says of one line of code in one place of the layout. */
function lint(path: string, source: string): string {
  const folder = tempDir();
  for (const file of [CONFIG, 'tsconfig.json', 'package.json']) {
    copyFileSync(join(ROOT, file), join(folder, file));
  }
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), `${source}\n`);
  return run(folder, 'oxlint', ['--type-aware', '-c', CONFIG]);
}

test('the compiler has nothing to say', { timeout: 60_000 }, () => {
  expect(run(ROOT, 'tsc', ['--noEmit', '-p', '.'])).toBe('');
});

test('the linter has nothing to say', { timeout: 60_000 }, () => {
  expect(run(ROOT, 'oxlint', ['--type-aware', '--deny-warnings', '-c', CONFIG])).toBe('');
});

test('every file has the one format', { timeout: 60_000 }, () => {
  const files = '{services,proxy,infra,test,dashboards}/**/*.{ts,mjs}';
  expect(run(ROOT, 'prettier', ['--check', '--log-level=warn', files])).toBe('');
});

test.each([
  ['services/contracts/a.ts', '#platform/b.ts'],
  ['services/contracts/a.ts', '../platform/b.ts'],
  ['services/platform/a.ts', '#proxy/b.ts'],
  ['services/config/a.ts', '../analytics/b.ts'],
  ['services/config/a.ts', '#proxy/route/b.ts'],
  ['services/cli/verbs/a.ts', '../../config/b.ts'],
  ['proxy/listener/a.ts', '#local/b.ts'],
  ['proxy/route/a.ts', '../policy/retry/b.ts'],
  ['proxy/upstream/a.ts', '#proxy/policy/retry/b.ts'],
  ['infra/local/a.ts', '#proxy/b.ts'],
])('%s may not import %s', { timeout: 20_000 }, (path, specifier) => {
  expect(lint(path, `import '${specifier}';`)).toContain(`'${specifier}' import is restricted`);
});

test.each([
  ['services/contracts/a.ts', './b.ts'],
  ['services/config/a.ts', '#proxy/pure.ts'],
  ['services/cli/verbs/a.ts', '../output/b.ts'],
  ['proxy/pipeline.ts', './policy/retry/b.ts'],
])('%s may import %s', { timeout: 20_000 }, (path, specifier) => {
  expect(lint(path, `import '${specifier}';`)).toBe('');
});

test('a promise that nobody waits for is an error', { timeout: 20_000 }, () => {
  expect(lint('proxy/a.ts', 'Promise.resolve(1);')).toContain('no-floating-promises');
});
