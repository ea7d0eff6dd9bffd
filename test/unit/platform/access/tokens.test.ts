import { createHash } from 'node:crypto';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TokenFile, tokenFile } from '#platform/access/token-file.ts';
import { parseTokens } from '#platform/access/tokens.ts';
import { FakeClock } from '#platform/clock.ts';
import { createLog } from '#platform/log.ts';
import { tempDir } from '#test/parts.ts';
import { expect, test } from 'vitest';

const sha256 = (token: string): string => createHash('sha256').update(token).digest('hex');
const entry = (name: string, token: string, more = ''): string =>
  `- name: ${name}\n  sha256: ${sha256(token)}\n` +
  `  roles: [{ role: edit, namespaces: [shop] }]\n${more}`;

test('a token is found by its hash, until its time is over', () => {
  const tokens = parseTokens(
    entry('ann', 'wr_a') + entry('ann', 'wr_b', '  notAfter: 2026-02-01T00:00:00Z\n'),
  );
  const [before, after] = [Date.UTC(2026, 0, 31), Date.UTC(2026, 1, 1)];
  expect(tokens.find('wr_a', before)?.name).toBe('ann');
  expect(tokens.find('wr_b', before)?.name).toBe('ann');
  expect(tokens.find('wr_a', after)?.may('edit', 'shop')).toBe(true);
  expect(tokens.find('wr_b', after)).toBeUndefined();
  expect(tokens.find('wr_c', before)).toBeUndefined();
  expect(tokens.find(sha256('wr_a'), before)).toBeUndefined();
  expect(parseTokens('').size).toBe(0);
});

test.each([
  ['tokens: []', 'it is no list of tokens'],
  ['- [', 'it is no YAML'],
  ['- name: ann', 'entry 1: it'],
  [entry('ann', 'a') + entry('bob', 'a'), 'entry 2: this sha256 stands there twice'],
  [entry('"a\\nb"', 'a'), 'entry 1: name'],
  [entry('ann', 'a').replace('edit', 'owner'), 'entry 1: roles.0.role'],
  [entry('ann', 'a').replace('[shop]', '[]'), 'entry 1: roles.0.namespaces'],
  [entry('ann', 'a').replace('[shop]', '["sh*"]'), 'entry 1: roles.0.namespaces.0'],
  [entry('ann', 'a', '  notAfter: 2026-02-01\n'), 'entry 1: notAfter is no time'],
  [entry('ann', 'a', '  notafter: 2026-02-01T00:00:00Z\n'), 'notafter'],
  [entry('ann', 'a').replace(sha256('a'), 'wr_a'), 'entry 1: sha256'],
])('%# is refused in one sentence', (text, sentence) => {
  expect(() => parseTokens(text)).toThrow(sentence);
});

test('a file is read again when it changed; what cannot be read locks nobody out', () => {
  const folder = tempDir();
  const path = join(folder, 'tokens.yaml');
  const clock = new FakeClock();
  const said: unknown[] = [];
  const log = {
    ...createLog({ service: 'test', level: 'silent' }),
    info: () => undefined,
    error: (fields: object | string) => said.push(fields),
  };
  const write = (text: string): void => {
    // As an editor does: another file of the same name.
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
  };
  write(entry('ann', 'a'));
  const file = new TokenFile(path, { log, clock });
  expect(file.find('a')?.name).toBe('ann');
  write(entry('bob', 'b'));
  expect(file.find('b')).toBeUndefined();
  clock.advance(1_000);
  expect(file.find('b')?.name).toBe('bob');
  expect(file.find('a')).toBeUndefined();
  write('- name: [');
  clock.advance(1_000);
  expect(file.find('b')?.name).toBe('bob');
  rmSync(path);
  clock.advance(1_000);
  clock.advance(1_000);
  expect(file.find('b')?.name).toBe('bob');
  expect(said).toHaveLength(2);
  write('[]');
  clock.advance(1_000);
  expect(file.find('b')).toBeUndefined();
});

test('at the start a file that cannot be used ends the program; none asks for no token', () => {
  const log = createLog({ service: 'test', level: 'silent' });
  const folder = tempDir();
  mkdirSync(join(folder, 'folder'));
  for (const path of [join(folder, 'none.yaml'), join(folder, 'folder')]) {
    expect(() => tokenFile(path, log)).toThrow(`the file of tokens ${path} cannot be used: E`);
  }
  expect(tokenFile(undefined, log)).toBeUndefined();
});
