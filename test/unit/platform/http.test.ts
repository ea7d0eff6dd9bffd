import Type from 'typebox';
import { type Api, HttpProblem, createApi, listen } from '#platform/http.ts';
import { createServiceLog } from '#platform/service-log.ts';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';

let api: Api;
let notReady: string | undefined;

beforeEach(async () => {
  notReady = undefined;
  api = await createApi({
    name: 'test',
    description: 'an API',
    log: createServiceLog({ service: 'test', level: 'silent' }),
    notReady: () => notReady,
    bodyLimitBytes: 100,
  });
  const { app } = api;
  app.get('/taken', () => {
    throw new HttpProblem('conflict', 'somebody was quicker', [
      { resource: 'A/b/c', path: 'x', reason: 'conflict', message: 'm' },
    ]);
  });
  app.get('/broken', () => {
    throw new Error('secret detail');
  });
  const body = Type.Object({ size: Type.Integer() }, { additionalProperties: false });
  app.post('/things', { schema: { summary: 'Make a thing', body } }, () => ({}));
});

describe('failures are problem details', () => {
  test.each([
    ['GET', '/taken', undefined, 409, 'conflict', 'somebody was quicker'],
    ['GET', '/nowhere?token=x', undefined, 404, 'not-found', 'there is no GET /nowhere'],
    ['POST', '/things', '{', 400, 'invalid-request', 'JSON'],
    ['POST', '/things', '{"size":"x","colour":1}', 400, 'invalid-request', 'body.size'],
    ['POST', '/things', `{"size":${'1'.repeat(200)}}`, 413, 'too-large', 'too large'],
  ] as const)('%s %s %s', async (method, url, payload, status, code, detail) => {
    const headers = { 'content-type': 'application/json' };
    const asked = { method, url, ...(payload === undefined ? {} : { payload, headers }) };
    const answer = await api.app.inject(asked);
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(answer.statusCode).toBe(status);
    const problem = answer.json<{ detail: string }>();
    expect(problem).toMatchObject({ status, code, type: `urn:windrose:problem:${code}` });
    expect(problem.detail).toContain(detail);
  });

  test('an unexpected one tells nothing of the inside', async () => {
    const answer = await api.app.inject('/broken');
    expect(answer.statusCode).toBe(500);
    expect(answer.body).not.toContain('secret');
  });

  test('what is wrong with resources is listed', async () => {
    const { problems } = (await api.app.inject('/taken')).json<{ problems: unknown[] }>();
    expect(problems).toHaveLength(1);
  });
});

describe('doors that every service has', () => {
  test('readiness tells the reason; health does not depend on it', async () => {
    notReady = 'NATS is away';
    const answer = await api.app.inject('/readyz');
    expect(answer.statusCode).toBe(503);
    expect(answer.json()).toEqual({ status: 'not ready', reason: 'NATS is away' });
    expect((await api.app.inject('/healthz')).statusCode).toBe(200);
    notReady = undefined;
    expect((await api.app.inject('/readyz')).statusCode).toBe(200);
  });

  test('OpenAPI is made of the routes', async () => {
    await api.app.ready();
    const document = (await api.app.inject('/openapi.json')).json<{
      openapi: string;
      paths: Record<string, { post: { summary: string } }>;
    }>();
    expect(document.openapi).toBe('3.1.0');
    expect(document.paths['/things']?.post.summary).toBe('Make a thing');
    expect(Object.keys(document.paths)).not.toContain('/healthz');
  });

  test('metrics are Prometheus text', async () => {
    expect((await api.app.inject('/metrics')).body).toContain('process_cpu_seconds_total');
  });
});

describe('listening', () => {
  test.each(['0.0.0.0:0', '192.0.2.1:0', '[::]:0', 'example.org:0'])(
    'on %s is refused while nobody is checked',
    async (address) => {
      await expect(listen(api.app, address)).rejects.toThrow('refusing to listen on');
    },
  );

  test('on loopback gives the address, and a port in use is said so', async () => {
    onTestFinished(() => api.app.close());
    const { url, port } = await listen(api.app, '127.0.0.1:0');
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    const other = await createApi({
      ...{ name: 'other', description: '', notReady: () => undefined },
      log: createServiceLog({ service: 'test', level: 'silent' }),
    });
    onTestFinished(() => other.app.close());
    await expect(listen(other.app, `127.0.0.1:${port}`)).rejects.toThrow(
      `port ${port} on 127.0.0.1 is in use by another program`,
    );
  });
});
