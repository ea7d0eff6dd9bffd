// @ts-check
// Brings the checkout's packages, and with them Node 26, into node_modules. Runs on the machine's
// own Node, before there are any packages: plain JavaScript, no dependency.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { ensureGuard, markedEnv, unwatch, watch } from './guarding.mjs';
import { lock } from './lock.mjs';

/** An error of which people are shown the message only. */
export class InstallError extends Error {}

/** The checkout. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url)).replace(/\/$/, '');

/**
 * Makes node_modules match package-lock.json and returns the file of the project's Node. Does
 * nothing, in a few milliseconds, when it already does.
 * @param {{ root?: string, say?: (line: string) => void }} [options]
 * @returns {Promise<string>}
 */
export async function ensureInstalled(options = {}) {
  const root = options.root ?? ROOT;
  const say = options.say ?? (() => {});
  if (process.platform === 'win32') {
    throw new InstallError('Windows is not supported: run Windrose in WSL, on Linux or on macOS');
  }
  if (!isCurrent(root)) {
    const waiting = () => say('another windrose installs the packages here; waiting for it');
    const held = await lock(join(root, 'node_modules'), waiting);
    try {
      if (!isCurrent(root)) await install(root, say);
    } finally {
      held.release();
    }
  }
  return nodeFile(root);
}

/** @param {string} root */
function nodeFile(root) {
  return join(root, 'node_modules', '.bin', 'node');
}

/** @param {string} root */
function stampFile(root) {
  return join(root, 'node_modules', '.windrose-installed');
}

/**
 * What an installation depends on. The stamp with it is written last, so that an interrupted
 * installation has none.
 * @param {string} root
 */
function wantedStamp(root) {
  const hash = createHash('sha256').update(readFileSync(join(root, 'package-lock.json')));
  return `${hash.digest('hex')} ${process.platform} ${process.arch}\n`;
}

/** @param {string} root */
function isCurrent(root) {
  try {
    if (!existsSync(nodeFile(root))) return false;
    return readFileSync(stampFile(root), 'utf8') === wantedStamp(root);
  } catch {
    return false; // No stamp: not installed, or not to its end.
  }
}

/**
 * @param {string} root
 * @param {(line: string) => void} say
 */
async function install(root, say) {
  if (!matchesNpmRecord(root)) {
    rmSync(stampFile(root), { force: true });
    say('installing the packages; the first time takes a minute or two (about 1 GB)');
    const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error'];
    await run(root, root, npm(), args, 'npm could not install the packages');
  }
  await ensureNode(root, say);
  writeFileSync(stampFile(root), wantedStamp(root));
}

/**
 * Whether npm itself recorded a complete installation of what package-lock.json says: then
 * someone ran `npm ci` by hand, and it need not be done again.
 * @param {string} root
 */
function matchesNpmRecord(root) {
  try {
    const wanted = packagesOf(join(root, 'package-lock.json'));
    const present = packagesOf(join(root, 'node_modules', '.package-lock.json'));
    return Object.entries(wanted).every(
      ([path, entry]) =>
        path === '' || present[path]?.version === entry.version || !isForHere(entry),
    );
  } catch {
    return false; // No record.
  }
}

/**
 * @typedef {{ version?: string, optional?: boolean, os?: string[], cpu?: string[],
 *   libc?: string[] }} LockEntry
 */

/**
 * @param {string} file
 * @returns {Record<string, LockEntry>}
 */
function packagesOf(file) {
  return JSON.parse(readFileSync(file, 'utf8')).packages;
}

/** @param {LockEntry} entry */
function isForHere(entry) {
  if (!entry.optional) return true;
  if (!entry.os || !entry.cpu || entry.libc) return false; // npm decides; we cannot tell.
  return entry.os.includes(process.platform) && entry.cpu.includes(process.arch);
}

/**
 * The package `node` fetches the program in a script of its own, which an npm that does not run
 * packages' scripts leaves out: then it is run here.
 * @param {string} root
 * @param {(line: string) => void} say
 */
async function ensureNode(root, say) {
  const folder = join(root, 'node_modules', 'node');
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const wanted = `v${version}`;
  if (nodeVersion(root) === wanted) return;
  say(`fetching Node ${version}`);
  const script = [process.execPath, join(folder, 'installArchSpecificPackage.js')];
  const sorry = `Node ${version}, which Windrose runs on, could not be fetched from npm`;
  await run(root, folder, script, [], sorry);
  if (nodeVersion(root) !== wanted) {
    throw new InstallError(
      `${sorry}: there is no build of it for ${process.platform} ` +
        `${process.arch}, or it does not run here (try node_modules/.bin/node --version)`,
    );
  }
}

/** @param {string} root */
function nodeVersion(root) {
  return spawnSync(nodeFile(root), ['--version'], { encoding: 'utf8' }).stdout?.trim();
}

/** npm as this process was started by it, else the one on the path. */
function npm() {
  const running = process.env['npm_execpath'];
  return running?.endsWith('npm-cli.js') ? [process.execPath, running] : ['npm'];
}

/**
 * Runs a package client quietly: what it prints goes to a log, and is shown when it fails.
 * @param {string} root
 * @param {string} cwd
 * @param {string[]} command
 * @param {string[]} args
 * @param {string} sorry
 */
async function run(root, cwd, command, args, sorry) {
  mkdirSync(join(root, '.windrose'), { recursive: true });
  const logFile = join(root, '.windrose', 'install.log');
  const log = openSync(logFile, 'w');
  // No grace: the next start may come at once, and must not meet a package client at work.
  ensureGuard({ graceMs: 0 });
  const [program = '', ...first] = command;
  const child = spawn(program, [...first, ...args], {
    cwd,
    detached: true, // A group of its own, so that all of it can be ended at once.
    env: markedEnv({ ...process.env, PATH: pathWithoutProject() }),
    stdio: ['ignore', log, log],
  });
  const pid = child.pid;
  if (pid !== undefined) watch(pid);
  const failed = await new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(code === 0 ? '' : (signal ?? `status ${code}`)));
  });
  if (pid !== undefined) unwatch(pid);
  if (failed === '') return;
  throw new InstallError(`${sorry} (${failed}). From ${logFile}:\n${gist(logFile)}`);
}

/**
 * The first lines of what a package client said that say something: npm starts with the cause
 * and ends with its manual.
 * @param {string} logFile
 */
function gist(logFile) {
  const lines = readFileSync(logFile, 'utf8')
    .split('\n')
    .map((line) => line.trim());
  const telling = lines.filter((line) => line !== '' && !/^npm (notice|error$)/.test(line));
  return telling.slice(0, 8).join('\n');
}

/** The path without folders of packages: an outdated `node` there must not run npm. */
function pathWithoutProject() {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders.filter((folder) => !folder.endsWith('node_modules/.bin')).join(delimiter);
}
