import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tokenFile } from '#platform/access/token-file.ts';
import { createServiceLog } from '#platform/service-log.ts';
import { natsUrl, tempDir, uniqueMesh } from '#test/parts.ts';
import { beforeAll, expect, test } from 'vitest';
import type { AuditEntry } from '../../../services/config/api/audit-log.ts';
import { startConfigService } from '../../../services/config/service.ts';
import { type Ran, windrose as run } from '../../unit/cli/harness.ts';

/** The whole way: tokens made by the command line, read by a service, shown by the command line. */
const secrets = new Map<string, string>();
let url: string;
let auditLog: string;
let windrose: (who: string, ...args: string[]) => Promise<Ran>;

beforeAll(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'windrose-test-'));
  const people = {
    ann: ['--role', 'edit', '--namespace', 'shop'],
    eve: ['--role', 'view', '--namespace', 'pay'],
    root: ['--role', 'admin', '--all-namespaces'],
  };
  let entries = '';
  for (const [name, args] of Object.entries(people)) {
    const { out, err } = await run(['token', 'new', name, ...args]);
    entries += out;
    secrets.set(name, /(wrt_\S+)/.exec(err)?.[1] ?? '');
  }
  const path = join(folder, 'tokens.yaml');
  writeFileSync(path, entries);
  auditLog = join(folder, 'audit.jsonl');
  const log = createServiceLog({ service: 'config', level: 'silent' });
  const service = await startConfigService({
    mesh: uniqueMesh(),
    natsUrl: natsUrl(),
    listen: '127.0.0.1:0',
    tokens: tokenFile(path, log),
    auditLog,
    log,
  });
  await service.ready;
  url = service.url;
  windrose = (who, ...args) => {
    const env = { WINDROSE_SERVER: url, WINDROSE_TOKEN: secrets.get(who) ?? '' };
    return run(args, { env, wallMs: Date.now });
  };
  return async () => {
    await service.stop();
    rmSync(folder, { recursive: true, force: true });
  };
});

function file(namespace: string, port: number): string {
  const path = join(tempDir(), 'service.yaml');
  writeFileSync(
    path,
    `apiVersion: v1\nkind: Service\nmetadata: { name: a, namespace: ${namespace} }\n` +
      `spec: { ports: [{ port: ${port} }] }\n`,
  );
  return path;
}

test('what a token may do it does, in its own name, and follows the receipts', async () => {
  const applied = await windrose('ann', 'apply', '-f', file('shop', 80), '-m', 'first', '--wait');
  expect(applied).toMatchObject({ status: 0, err: '' });
  expect((await windrose('root', 'apply', '-f', file('pay', 80))).status).toBe(0);
  expect((await windrose('ann', 'history')).out).toMatch(/1-1 +\S+ +ann +1 created +first\n$/);
  expect((await windrose('ann', 'wait', '1')).status).toBe(0);
  expect((await windrose('ann', 'diff', '0')).err).toBe(
    'not shown: 1 change in namespaces that your token may not view\n',
  );
});

test.each([
  ['ann', ['apply', '-f', 'PAY'], 'the token ann lacks the role edit in the namespace pay'],
  ['ann', ['rollback', '2'], 'lacks the role edit in the namespace pay (for Service/pay/a)'],
  ['ann', ['show', '2'], 'lacks the role view in the namespace pay'],
  ['ann', ['get', 'svc', 'pay/a'], 'lacks the role view in the namespace pay'],
  ['ann', ['apply', '-f', 'SHOP', '--author', 'root'], 'writes as ann, not as root'],
  ['eve', ['apply', '-f', 'PAY'], 'the token eve lacks the role edit in the namespace pay'],
  ['', ['status'], 'a token is needed, as the header Authorization: Bearer TOKEN; give one by'],
] as [string, string[], string][])('%s may not %j', async (who, args, sentence) => {
  const files = { SHOP: file('shop', 81), PAY: file('pay', 81) };
  const given = args.map((arg) => files[arg as keyof typeof files] ?? arg);
  const ran = await windrose(who, ...given);
  expect(ran).toMatchObject({ status: 1, out: '' });
  expect(ran.err).toContain(sentence);
  expect(ran.err.trim().split('\n')).toHaveLength(1);
});

test('the audit tells of all that, and of no token', () => {
  const text = readFileSync(auditLog, 'utf8');
  const lines = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as AuditEntry);
  expect(lines.map(({ token, action, outcome }) => `${token} ${action} ${outcome}`)).toEqual([
    'ann write created',
    'root write created',
    'ann write refused',
    'ann undo refused',
    'ann write refused',
    'eve write refused',
  ]);
  for (const secret of secrets.values()) expect(text).not.toContain(secret);
});
