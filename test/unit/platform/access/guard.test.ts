import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { callerOf } from '#platform/access/guard.ts';
import { TokenFile } from '#platform/access/token-file.ts';
import { type Api, createApi, listen } from '#platform/http.ts';
import { createServiceLog } from '#platform/service-log.ts';
import { tempDir } from '#test/parts.ts';
import fastify from 'fastify';
import { beforeEach, expect, onTestFinished, test } from 'vitest';

const TOKEN = 'wr_secret';
let api: Api;
let tokens: TokenFile;

beforeEach(async () => {
  const path = join(tempDir(), 'tokens.yaml');
  const sha256 = createHash('sha256').update(TOKEN).digest('hex');
  const roles = '[{ role: view, namespaces: [shop] }]';
  writeFileSync(path, `- { name: ann, sha256: ${sha256}, roles: ${roles} }\n`);
  const log = createServiceLog({ service: 'test', level: 'silent' });
  tokens = new TokenFile(path, { log });
  api = await createApi({
    ...{ name: 'test', description: '', log, tokens, notReady: () => undefined },
  });
  api.app.get('/who', (request) => ({ name: callerOf(request).name }));
  api.app.post('/things', () => ({}));
});

test('a valid token is somebody', async () => {
  for (const scheme of ['Bearer', 'bearer']) {
    const headers = { authorization: `${scheme} ${TOKEN}` };
    expect((await api.app.inject({ url: '/who', headers })).json()).toEqual({ name: 'ann' });
  }
});

test.each([
  [undefined, 'a token is needed', 'Bearer realm="windrose"'],
  ['Bearer wrong', 'not valid', 'Bearer realm="windrose", error="invalid_token"'],
  [`Basic ${TOKEN}`, 'not of the form', 'Bearer realm="windrose", error="invalid_token"'],
  [`Bearer ${TOKEN} ${TOKEN}`, 'not of the form', 'Bearer realm="windrose", error="invalid_token"'],
  ['', 'not of the form', 'Bearer realm="windrose", error="invalid_token"'],
])('%j is 401, with a challenge', async (authorization, sentence, challenge) => {
  const headers = authorization === undefined ? {} : { authorization };
  for (const url of ['/who', '/nowhere', '/openapi.json']) {
    const answer = await api.app.inject({ url, headers });
    expect(answer.statusCode).toBe(401);
    expect(answer.headers['www-authenticate']).toBe(challenge);
    expect(answer.json()).toMatchObject({ code: 'unauthorized', status: 401 });
    expect(answer.json<{ detail: string }>().detail).toContain(sentence);
  }
});

test('what is asked without a token is not read', async () => {
  const headers = { 'content-type': 'application/json' };
  const answer = await api.app.inject({ method: 'POST', url: '/things', headers, payload: '{' });
  expect(answer.statusCode).toBe(401);
});

test('health, readiness and metrics are open, whatever stands behind the path', async () => {
  for (const url of ['/healthz', '/readyz', '/metrics', '/healthz?token=x']) {
    expect((await api.app.inject({ url })).statusCode).toBe(200);
  }
  for (const url of ['/healthz/../who', '/%77ho', '//healthz', '/HEALTHZ']) {
    expect((await api.app.inject({ url })).statusCode).toBe(401);
  }
});

test('a route that no guard looks at answers nobody', async () => {
  const app = fastify();
  app.get('/who', (request) => ({ name: callerOf(request).name }));
  expect((await app.inject('/who')).statusCode).toBe(500);
});

test('with tokens it may listen on any address', async () => {
  onTestFinished(() => api.app.close());
  await expect(listen(api.app, '0.0.0.0:0')).rejects.toThrow('give --tokens');
  const { port } = await listen(api.app, '0.0.0.0:0', { tokens });
  expect((await fetch(`http://127.0.0.1:${port}/who`)).status).toBe(401);
});
