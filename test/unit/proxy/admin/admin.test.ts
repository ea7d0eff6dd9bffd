import { mkdirSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { createLog } from '#platform/log.ts';
import { adminSocketPath, freeSocketPath } from '#proxy/admin/address.ts';
import { Admin, type AdminSubject } from '#proxy/admin/admin.ts';
import { freePort, tempDir } from '#test/parts.ts';
import { describe, expect, it, onTestFinished } from 'vitest';

const log = createLog({ service: 'test', level: 'silent' });

function subject(): AdminSubject & { did: string[]; reason: string | undefined } {
  return {
    did: [],
    reason: undefined,
    notReady() {
      return this.reason;
    },
    stalled: () => undefined,
    metrics: async (format) => `windrose_x{format="${format}"} 1\n`,
    snapshot: () => ({ revision: { epoch: 1, sequence: 3 } }),
    status: async () => ({ resources: [{ kind: 'Gateway' }] }),
    endpoints: async () => [],
    setLogLevel(level) {
      this.did.push(level);
    },
    drain() {
      this.did.push('drain');
    },
    quit() {
      this.did.push('quit');
    },
  };
}

function ask(at: http.RequestOptions): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const request = http.request({ agent: false, ...at }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    request.on('error', reject).end();
  });
}

async function startUnix(of: AdminSubject) {
  const file = adminSocketPath(tempDir());
  const admin = new Admin(of, log);
  await admin.listenUnix(file);
  onTestFinished(() => admin.close());
  const get = (url: string) => ask({ socketPath: file, path: url });
  const post = (url: string) => ask({ socketPath: file, path: url, method: 'POST' });
  return { file, get, post };
}

describe('the admin port on its Unix socket', () => {
  it('shows health, readiness, metrics and snapshot', async () => {
    const of = subject();
    const { get } = await startUnix(of);
    expect((await get('/healthz')).status).toBe(200);
    expect((await get('/readyz')).status).toBe(200);
    of.reason = 'there is no snapshot yet';
    expect(await get('/readyz')).toMatchObject({
      status: 503,
      body: expect.stringContaining('no snapshot'),
    });
    expect((await get('/metrics')).body).toBe('windrose_x{format="prometheus"} 1\n');
    expect(JSON.parse((await get('/snapshot')).body)).toMatchObject({ revision: { sequence: 3 } });
    expect(JSON.parse((await get('/status')).body)).toEqual({ resources: [{ kind: 'Gateway' }] });
    expect((await get('/nothing')).status).toBe(404);
  });

  it('speaks OpenMetrics with who asks for it, as Prometheus does', async () => {
    const { file } = await startUnix(subject());
    const accept = 'application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.2,*/*;q=0.1';
    const at = { socketPath: file, path: '/metrics', headers: { accept } };
    expect((await ask(at)).body).toBe('windrose_x{format="openmetrics"} 1\n');
  });

  it('changes state by POST alone', async () => {
    const of = subject();
    const { get, post } = await startUnix(of);
    expect((await get('/drain')).status).toBe(404);
    expect((await post('/drain')).status).toBe(202);
    expect((await post('/log-level?level=debug')).status).toBe(200);
    expect((await post('/log-level?level=loud')).status).toBe(400);
    expect((await post('/quit')).status).toBe(202);
    expect(of.did).toEqual(['drain', 'debug', 'quit']);
  });

  it('refuses a data directory whose proxy lives, and takes one that a crash left', async () => {
    const { file } = await startUnix(subject());
    await expect(new Admin(subject(), log).listenUnix(file)).rejects.toThrow('another proxy runs');
    const stale = path.join(tempDir(), 'admin.sock');
    writeFileSync(stale, '');
    expect(await freeSocketPath(stale)).toBe(true);
  });

  it('moves to a short private path when the data directory is too deep', () => {
    const deep = path.join(tempDir(), 'd'.repeat(120));
    mkdirSync(deep);
    const file = adminSocketPath(deep);
    expect(Buffer.byteLength(file)).toBeLessThanOrEqual(107);
    expect(adminSocketPath(deep)).toBe(file);
    expect(adminSocketPath(`${deep}x`)).not.toBe(file);
  });
});

describe('the admin port over TCP', () => {
  async function startTcp(token: string | undefined) {
    const port = await freePort();
    const admin = new Admin(subject(), log);
    await admin.listenTcp({ host: '127.0.0.1', port }, token);
    onTestFinished(() => admin.close());
    return (url: string, bearer?: string, method = 'GET') =>
      ask({
        ...{ host: '127.0.0.1', port, path: url, method },
        headers: bearer === undefined ? {} : { authorization: `Bearer ${bearer}` },
      });
  }

  it('wants the token for everything but health and metrics', async () => {
    const get = await startTcp('s3cret');
    for (const open of ['/healthz', '/readyz', '/metrics'])
      expect((await get(open)).status).toBe(200);
    expect((await get('/snapshot')).status).toBe(401);
    expect((await get('/snapshot', 'wrong')).status).toBe(401);
    expect((await get('/snapshot', 's3cret')).status).toBe(200);
    expect((await get('/quit', undefined, 'POST')).status).toBe(401);
    expect((await get('/healthz', undefined, 'POST')).status).toBe(401);
  });

  it('is closed but for health and metrics when there is no token', async () => {
    const get = await startTcp(undefined);
    expect((await get('/metrics')).status).toBe(200);
    expect((await get('/snapshot', '')).status).toBe(403);
  });
});
