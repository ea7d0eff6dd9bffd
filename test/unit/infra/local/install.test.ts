import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureInstalled } from '#local/install.mjs';
import { tempDir } from '#test/parts.ts';
import { afterEach, expect, test, vi } from 'vitest';

afterEach(() => void vi.unstubAllEnvs());

/** An npm that installs one package, `node`, and counts how often it was run. */
const NPM = `
  const fs = require('node:fs');
  fs.appendFileSync('npm-runs', process.argv[2] + '\\n');
  if (fs.existsSync('npm-fails')) {
    console.error('npm error\\nnpm error code ENOTFOUND\\nnpm notice New version of npm!');
    process.exit(1);
  }
  fs.rmSync('node_modules', { recursive: true, force: true });
  fs.mkdirSync('node_modules/.bin', { recursive: true });
  fs.mkdirSync('node_modules/node');
  fs.writeFileSync('node_modules/node/package.json', '{ "version": "26.0.0" }');
  const program = '#!/bin/sh\\necho v26.0.0\\n';
  const script = 'require("node:fs").writeFileSync("../.bin/node", '
    + JSON.stringify(program) + ', { mode: 0o755 })';
  fs.writeFileSync('node_modules/node/installArchSpecificPackage.js', script);
  if (!fs.existsSync('npm-blocks-scripts')) {
    fs.writeFileSync('node_modules/.bin/node', program, { mode: 0o755 });
  }
`;

interface Checkout {
  readonly root: string;
  file(name: string): string;
  /** How often npm has been run. */
  runs(): number;
}

function checkout(): Checkout {
  const root = tempDir();
  const file = (name: string): string => join(root, name);
  const packages = { '': {}, 'node_modules/node': { version: '26.0.0' } };
  writeFileSync(file('package-lock.json'), JSON.stringify({ packages }));
  writeFileSync(file('npm-cli.js'), NPM);
  vi.stubEnv('npm_execpath', file('npm-cli.js'));
  const runs = (): number => {
    if (!existsSync(file('npm-runs'))) return 0;
    return readFileSync(file('npm-runs'), 'utf8').split('\n').length - 1;
  };
  return { root, file, runs };
}

test('installs once, and again when package-lock.json changes', async () => {
  const { root, file, runs } = checkout();
  expect(await ensureInstalled({ root })).toBe(file('node_modules/.bin/node'));
  await ensureInstalled({ root });
  expect(runs()).toBe(1);
  const packages = { '': {}, 'node_modules/node': { version: '26.0.1' } };
  writeFileSync(file('package-lock.json'), JSON.stringify({ packages }));
  await ensureInstalled({ root });
  expect(runs()).toBe(2);
});

test('two at the same time install once', async () => {
  const { root, runs } = checkout();
  await Promise.all([ensureInstalled({ root }), ensureInstalled({ root })]);
  expect(runs()).toBe(1);
});

test('an installation that was interrupted is made anew', async () => {
  const { root, file, runs } = checkout();
  await ensureInstalled({ root });
  rmSync(file('node_modules/.windrose-installed'));
  await ensureInstalled({ root });
  expect(runs()).toBe(2);
});

test('an installation that npm made by hand is taken as it is', async () => {
  const { root, file, runs } = checkout();
  await ensureInstalled({ root });
  rmSync(file('node_modules/.windrose-installed'));
  const record = JSON.parse(readFileSync(file('package-lock.json'), 'utf8')) as object;
  writeFileSync(file('node_modules/.package-lock.json'), JSON.stringify(record));
  await ensureInstalled({ root });
  expect(runs()).toBe(1);
});

test('what is only for other platforms need not be there', async () => {
  const { root, file, runs } = checkout();
  await ensureInstalled({ root });
  rmSync(file('node_modules/.windrose-installed'));
  const node = { version: '26.0.0' };
  const other = { version: '1.0.0', optional: true, os: ['aix'], cpu: ['ppc64'] };
  const packages = { 'node_modules/node': node, 'node_modules/other': other };
  writeFileSync(file('package-lock.json'), JSON.stringify({ packages }));
  const record = { packages: { 'node_modules/node': node } };
  writeFileSync(file('node_modules/.package-lock.json'), JSON.stringify(record));
  await ensureInstalled({ root });
  expect(runs()).toBe(1);
});

test('a failure is a sentence with the cause, and can be repeated', async () => {
  const { root, file } = checkout();
  writeFileSync(file('npm-fails'), '');
  await expect(ensureInstalled({ root })).rejects.toThrow(
    `npm could not install the packages (status 1). From ${file('.windrose/install.log')}:\n` +
      'npm error code ENOTFOUND',
  );
  rmSync(file('npm-fails'));
  await ensureInstalled({ root });
});

test('an npm that runs no scripts of packages still leads to the right Node', async () => {
  const { root, file } = checkout();
  mkdirSync(file('node_modules'));
  writeFileSync(file('npm-blocks-scripts'), '');
  const said: string[] = [];
  await ensureInstalled({ root, say: (line) => void said.push(line) });
  expect(said.at(-1)).toBe('fetching Node 26.0.0');
  expect(existsSync(file('node_modules/.bin/node'))).toBe(true);
});
