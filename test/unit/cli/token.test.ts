import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseTokens } from '#platform/access/tokens.ts';
import { tempDir } from '#test/parts.ts';
import { expect, test } from 'vitest';
import { tokenFor } from '../../../services/cli/token.ts';
import { type Handler, NOW, fakeApi, problem, windrose } from './harness.ts';

const proxies: Record<string, Handler> = {
  'GET /v1/proxies': () => ({ revision: '1-1', items: [] }),
  'GET /v1/slos': () => ({ items: [] }),
  'GET /v1/alerts': () => ({ items: [] }),
};

test('a new token: shown once, its entry is what the services read', async () => {
  const ran = await windrose([
    ...['token', 'new', 'ci', '--role', 'edit', '-n', 'shop', 'pay', '--expires', '24h'],
  ]);
  expect(ran.status).toBe(0);
  const secret = /^token, shown this once: (wrt_[-\w]{43})\n$/.exec(ran.err)?.[1] ?? '';
  expect(ran.out).not.toContain(secret);
  const tokens = parseTokens(ran.out);
  expect(tokens.size).toBe(1);
  const found = tokens.find(secret, NOW);
  expect(found?.name).toBe('ci');
  expect(found?.may('edit', 'pay')).toBe(true);
  expect(found?.may('admin', 'pay')).toBe(false);
  expect(found?.may('edit')).toBe(false);
  expect(tokens.find(secret, NOW + 24 * 3_600_000)).toBeUndefined();
  const root = await windrose(['token', 'new', 'root', '--role', 'admin', '-A']);
  // Entries of several calls make one file.
  expect(parseTokens(ran.out + root.out).size).toBe(2);
});

test.each([
  [['token', 'new', 'ci', '--role', 'edit'], /say where/],
  [['token', 'new', 'ci', '--role', 'edit', '-A', '-n', 'shop'], /say where/],
  [['token', 'new', 'ci', '--role', 'edit', '-n', 'Shop'], /Shop is no name of a namespace/],
  [['token', 'new', 'c i', '--role', 'edit', '-A'], /c i is no name of a token/],
  [['token', 'new', 'ci', '--role', 'owner', '-A'], /Allowed choices are view, edit, admin/],
  [['token', 'new', 'ci', '-A'], /--role <role>' not specified/],
  [['token', 'new', 'ci', '--role', 'edit', '-A', '--expires', 'soon'], /--expires soon/],
  [['status', '--token', 'a b'], /--token holds no token/],
])('%j is wrong usage', async (args, sentence) => {
  const ran = await windrose(args);
  expect(ran).toMatchObject({ status: 2, out: '' });
  expect(ran.err).toMatch(sentence);
});

test('the token is shown to every service: by flag, variable, or the user’s own file', async () => {
  const api = await fakeApi(proxies);
  const home = tempDir();
  mkdirSync(join(home, '.config', 'windrose'), { recursive: true });
  const file = join(home, '.config', 'windrose', 'tokens.yaml');
  writeFileSync(file, `http://127.0.0.1:1: other\n${api.url}/: wr_file\n`, { mode: 0o600 });
  const shown = async (args: string[], env: NodeJS.ProcessEnv): Promise<unknown[]> => {
    api.asked.length = 0;
    expect(await windrose([...args, ...api.server], { env })).toMatchObject({ status: 0, err: '' });
    return [...new Set(api.asked.map(({ headers }) => headers.authorization))];
  };
  const env = { HOME: home, WINDROSE_TOKEN: 'wr_env' };
  expect(await shown(['status', '--token', 'wr_flag'], env)).toEqual(['Bearer wr_flag']);
  expect(await shown(['status'], env)).toEqual(['Bearer wr_env']);
  expect(await shown(['status'], { HOME: home })).toEqual(['Bearer wr_file']);
  expect(await shown(['slo'], { HOME: home })).toEqual(['Bearer wr_file']);
  const xdg = { HOME: '/nowhere', XDG_CONFIG_HOME: join(home, '.config') };
  expect(await shown(['status'], xdg)).toEqual(['Bearer wr_file']);
  expect(await shown(['status'], {})).toEqual([undefined]);
  // What is stored for one server goes to no other.
  writeFileSync(file, 'http://127.0.0.1:1: other\n');
  expect(await shown(['status'], { HOME: home })).toEqual([undefined]);
});

test('a file of tokens that others can read, or that is none, is said so', async () => {
  const home = tempDir();
  mkdirSync(join(home, '.config', 'windrose'), { recursive: true });
  const file = join(home, '.config', 'windrose', 'tokens.yaml');
  writeFileSync(file, 'x', { mode: 0o600 });
  const none = await windrose(['status'], { env: { HOME: home } });
  expect(none.status).toBe(2);
  expect(none.err).toContain('is no list of lines');
  chmodSync(file, 0o640);
  const open = await windrose(['status'], { env: { HOME: home } });
  expect(open.status).toBe(1);
  expect(open.err).toContain(`chmod 600 ${file}`);
});

test('with a token its name is the author, and the client names none', async () => {
  const api = await fakeApi({ 'POST /v1/changesets': problem(403, 'forbidden', 'not yours') });
  const [stdin, env] = ['apiVersion: v1\nkind: Namespace\nmetadata: { name: a }\n', {}];
  const args = ['apply', '-f', '-', '--token', 'wr_a', ...api.server];
  expect(await windrose(args, { stdin, env })).toMatchObject({
    status: 1,
    err: 'windrose: not yours\n',
  });
  expect(api.asked[0]?.body).not.toHaveProperty('author');
  await windrose([...args, '--author', 'bob'], { stdin, env });
  expect(api.asked[1]?.body).toMatchObject({ author: 'bob' });
});

test('without one the user is told how to give it', async () => {
  const api = await fakeApi({
    'GET /v1/proxies': problem(401, 'unauthorized', 'a token is needed'),
  });
  const ran = await windrose(['status', ...api.server]);
  expect(ran.status).toBe(1);
  expect(ran.err).toContain('a token is needed; give one by --token or WINDROSE_TOKEN');
});

test('over the network in the clear there is a warning', () => {
  let err = '';
  const io = { env: {}, err: { write: (text: string) => (err += text) } } as never;
  expect(tokenFor(io, { token: 'wr_a' }, 'http://192.0.2.1:9')).toBe('wr_a');
  expect(err).toBe('warning: the token goes to http://192.0.2.1:9 in the clear; use https\n');
  err = '';
  tokenFor(io, { token: 'wr_a' }, 'https://192.0.2.1:9');
  tokenFor(io, { token: 'wr_a' }, 'http://[::1]:9');
  expect(err).toBe('');
});
