// Style as a test. What cannot be held yet is recorded below, and the records may only shrink:
// a file that got better must be lowered or removed here, a file that got worse fails.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { VERSION } from '#contracts/version.ts';
import { ROOT } from '#local/install.mjs';
import { type SourceFile, matchingLines, sources, withoutComments } from '#test/sources.ts';
import { expect, test } from 'vitest';

const SOFT_CAP_LINES = 300;
const HARD_CAP_LINES = 500;
const MAX_COLUMNS = 100;

/** Files over the soft cap, with the lines they may have (never more than the hard cap). */
const LONG_FILES: Readonly<Record<string, number>> = {};

const TOP_LEVEL = [
  'LICENSE',
  'README.md',
  'dashboards',
  'infra',
  'package-lock.json',
  'package.json',
  'proxy',
  'services',
  'test',
  'tsconfig.json',
];

const code = sources(['.ts', '.mjs']);
const everything = sources([
  '.ts',
  '.mjs',
  '.md',
  '.json',
  '.yaml',
  '.yml',
  '.sql',
  '.sh',
  '.conf',
  '.xml',
  '.html',
  '.css',
]).filter(({ path }) => path !== 'package-lock.json');

/** `path:line` for every line that matches, in files with or without their comments. */
function found(files: readonly SourceFile[], pattern: RegExp, comments = true): string[] {
  return files.flatMap(({ path, text }) => {
    const searched = comments ? text : withoutComments(text);
    return matchingLines(searched, pattern).map((line) => `${path}:${line}`);
  });
}

test('no file is too long', () => {
  const isTest = (path: string): boolean => path.startsWith('test/');
  const lengths = code.map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }));
  const problems = lengths.flatMap(({ path, lines }) => {
    const recorded = LONG_FILES[path];
    const allowed = recorded ?? (isTest(path) ? HARD_CAP_LINES : SOFT_CAP_LINES);
    if (lines > Math.min(allowed, HARD_CAP_LINES)) return [`${path} has ${lines} lines`];
    if (recorded !== undefined && lines <= SOFT_CAP_LINES) return [`${path}: remove its record`];
    if (recorded !== undefined && lines < recorded) return [`${path}: lower it to ${lines}`];
    return [];
  });
  const paths = new Set(lengths.map(({ path }) => path));
  const stale = Object.keys(LONG_FILES).filter((path) => !paths.has(path));
  expect([...problems, ...stale.map((path) => `${path} is gone: remove its record`)]).toEqual([]);
});

test('no line is too wide', () => {
  expect(found(code, new RegExp(`^.{${MAX_COLUMNS + 1}}`))).toEqual([]);
});

test('nothing is left for later', () => {
  expect(found(everything, new RegExp(String.raw`\b(TO${''}DO|FIX${''}ME|XX${''}X)\b`))).toEqual(
    [],
  );
});

test('no path of one machine', () => {
  const folders = ['work', 'home', 'tmp', 'root', 'Users'].join('|');
  expect(found(everything, new RegExp(`(?<![\\w.*$}-])/(${folders})/[\\w.]`))).toEqual([]);
});

test('no any, enum or namespace', () => {
  const typescript = code.filter(({ path }) => path.endsWith('.ts'));
  expect(found(typescript, /[:<(|&,]\s*any\s*[;,)>=|&[\]]|\bas any\b/, false)).toEqual([]);
  expect(
    found(typescript, /^\s*(export\s+)?(declare\s+)?(const\s+)?(enum|namespace)\s+\w/, false),
  ).toEqual([]);
});

test('no test is left out or run alone', () => {
  const tests = code.filter(({ path }) => path.endsWith('.test.ts'));
  expect(found(tests, /\b(test|it|describe|suite)(\.\w+)*\.(only|skip|todo)\b/)).toEqual([]);
});

test('no error is swallowed without a word', () => {
  const empty = /catch\s*(\([^)]*\))?\s*\{\s*\}/;
  const silent = code.filter(({ text }) => empty.test(text)).map(({ path }) => path);
  expect(silent).toEqual([]);
});

// V8 takes a function that is written straight into a property for a method, and makes it in the
// old generation: one for each request keeps all of that request alive until a full collection.
test('no function of a request is written straight into a property', () => {
  const serving = code.filter(
    ({ path }) => path.startsWith('proxy/') && !path.startsWith('proxy/telemetry/shipper/'),
  );
  const straight = /[\w)\]]\.#?\w+ (\?\?|\|\|)?= (async )?(function\b|\([^)]*\)[^=;]*=>|\w+ =>)/;
  expect(found(serving, straight, false)).toEqual([]);
});

test('the top level holds what the layout says and nothing else', () => {
  const entries = readdirSync(ROOT).filter(
    (name) => !name.startsWith('.') && name !== 'node_modules',
  );
  expect(entries.filter((name) => !TOP_LEVEL.includes(name))).toEqual([]);
});

test('every link inside the repository leads somewhere', () => {
  const documents = sources(['.md']);
  const broken = documents.flatMap((document) =>
    linksOf(document.text)
      .filter((link) => !resolves(document, link))
      .map((link) => `${document.path}: ${link}`),
  );
  expect(broken).toEqual([]);
});

function linksOf(markdown: string): string[] {
  const prose = markdown.replaceAll(/```[\s\S]*?```|`[^`\n]*`/g, '');
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
    .map((match) => match[1] ?? '')
    .filter((link) => !/^[a-z]+:/.test(link));
}

function resolves(document: SourceFile, link: string): boolean {
  const [path = '', anchor] = link.split('#');
  const file = path === '' ? document.path : join(dirname(document.path), path);
  if (!existsSync(join(ROOT, file))) return false;
  if (anchor === undefined || !file.endsWith('.md')) return true;
  return anchorsOf(readFileSync(join(ROOT, file), 'utf8')).includes(anchor);
}

/** The anchors that a Markdown viewer gives to headings. */
function anchorsOf(markdown: string): string[] {
  return [...markdown.matchAll(/^#+\s+(.*)$/gm)].map((match) =>
    (match[1] ?? '')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .trim()
      .replaceAll(' ', '-'),
  );
}

test('the version is one, and the README gives a reason for every dependency', () => {
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Record<
    'dependencies' | 'devDependencies' | 'optionalDependencies',
    Record<string, string>
  > & { version: string };
  expect(VERSION).toBe(manifest.version);
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const names = Object.keys({
    ...manifest.dependencies,
    ...manifest.devDependencies,
    ...manifest.optionalDependencies,
  });
  expect(names.filter((name) => !readme.includes(`\`${name}\``))).toEqual([]);
});
