import { createPrivateKey, createPublicKey } from 'node:crypto';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProxyCredential } from '#contracts/credential.ts';
import { parseCredential, readCredential } from '#platform/credential.ts';
import { issuedRecords, revokeProxy } from '#platform/mesh/accounts.ts';
import { createMesh } from '#platform/mesh/create.ts';
import { type CredentialRequest, issueCredential } from '#platform/mesh/credential.ts';
import type { MeshPaths } from '#platform/mesh/folder.ts';
import { Trust, newSigningKeys } from '#platform/signing.ts';
import { tempDir } from '#test/parts.ts';
import { beforeEach, expect, test } from 'vitest';

const NOW_MS = Date.parse('2026-06-01T00:00:00Z');
let paths: MeshPaths;

beforeEach(() => {
  const dir = join(tempDir(), 'prod');
  paths = createMesh({ dir, mesh: 'prod', natsHosts: ['localhost'], nowMs: NOW_MS });
});

const issue = (request: CredentialRequest): ProxyCredential =>
  issueCredential(paths, request, NOW_MS);

/** The claims of the user's token in a credential. */
function claimsOf({ natsCreds }: ProxyCredential): Record<string, unknown> {
  const token = /BEGIN NATS USER JWT-----\n(\S+)\n/.exec(natsCreds)?.[1] ?? '';
  const part = token.split('.')[1] ?? '';
  return JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>;
}

test('a credential says who has it, and what it may announce, signed by the mesh', () => {
  const expiresAtMs = NOW_MS + 90 * 24 * 60 * 60 * 1_000;
  const made = issue({
    proxy: 'reviews-1',
    service: 'shop/reviews',
    cidrs: ['10.1.0.0/16', 'fd00::/8'],
    expiresAtMs,
  });
  expect(made).toMatchObject({
    mesh: 'prod',
    proxy: 'reviews-1',
    grant: {
      ...{ mesh: 'prod', proxy: 'reviews-1', service: 'shop/reviews' },
      cidrs: ['10.1.0.0/16', 'fd00::/8'],
      notAfter: '2026-08-30T00:00:00.000Z',
    },
  });
  expect(Trust.read([paths.trust]).refusalOf('grant', made.grant)).toBeUndefined();
  expect(made.natsCa).toBe(readFileSync(paths.nats.ca, 'utf8'));
  expect(claimsOf(made)).toMatchObject({ name: 'reviews-1', exp: expiresAtMs / 1_000 });
  const spki = createPublicKey(createPrivateKey(made.sealKey)).export({
    ...{ type: 'spki', format: 'der' },
  });
  expect(made.grant.sealTo).toBe(spki.subarray(-32).toString('base64url'));
});

test('that of a gateway announces nothing, and may be for some Gateways only', () => {
  const all = issue({ proxy: 'edge' });
  expect(all.grant).toMatchObject({ proxy: 'edge', cidrs: [] });
  expect(Object.keys(all.grant)).not.toContain('service');
  expect(Object.keys(all.grant)).not.toContain('notAfter');
  expect(claimsOf(all)).not.toHaveProperty('exp');
  expect(issue({ proxy: 'edge', gateways: ['shop/edge'] }).grant.gateways).toEqual(['shop/edge']);
});

test('a proxy may speak under its own name only', () => {
  const { pub, sub } = claimsOf(issue({ proxy: 'edge' }))['nats'] as Record<
    'pub' | 'sub',
    { allow: string[] }
  >;
  expect(pub.allow.filter((subject) => subject.startsWith('windrose.'))).toEqual([
    'windrose.prod.receipt.edge',
    'windrose.prod.heartbeat.edge',
    'windrose.prod.claim.edge',
    'windrose.prod.hint.edge',
  ]);
  expect(sub.allow).toEqual(['windrose.prod.head', 'windrose.prod.claim.edge', '_INBOX_edge.>']);
  const verbs = /STREAM\.(CREATE|UPDATE|DELETE|PURGE|MSG\.DELETE|RESTORE|SNAPSHOT)|\$KV|\$O\./;
  expect(pub.allow.filter((subject) => verbs.test(subject))).toEqual([]);
});

test.each([
  [{ proxy: 'Edge 1' }, 'Edge 1 is no name of a proxy'],
  [{ proxy: 'a.b' }, 'a.b is no name of a proxy'],
  [{ proxy: 'a', service: 'reviews' }, 'reviews is not namespace/name'],
  [{ proxy: 'a', gateways: ['edge'] }, 'edge is not namespace/name'],
  [{ proxy: 'a', cidrs: ['10.0.0.1'] }, '10.0.0.1 is no range of addresses'],
  [{ proxy: 'a', cidrs: ['10.0.0.0/33'] }, '10.0.0.0/33 is no range of addresses'],
  [{ proxy: 'a', cidrs: ['fd00::/129'] }, 'fd00::/129 is no range of addresses'],
])('%j is refused, and nothing is kept of it', (request, sentence) => {
  expect(() => issue(request)).toThrow(sentence);
  expect(issuedRecords(paths)).toEqual([]);
});

test('revoking takes back all that a proxy was given, and nothing of others', () => {
  issue({ proxy: 'edge' });
  issue({ proxy: 'edge' });
  issue({ proxy: 'other' });
  const revocations = (): string[] => {
    const text = readFileSync(paths.nats.accounts, 'utf8');
    const tokens = [...text.matchAll(/^ {2}A\w+: (\S+)$/gm)].map(([, token = '']) => token);
    return tokens.flatMap((token) => {
      const claims = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString();
      const { nats } = JSON.parse(claims) as { nats: { revocations?: Record<string, number> } };
      return Object.keys(nats.revocations ?? {});
    });
  };
  expect(revocations()).toEqual([]);
  expect(revokeProxy(paths, 'edge', NOW_MS + 5_000)).toBe(2);
  const users = issuedRecords(paths).filter(({ proxy }) => proxy === 'edge');
  expect(revocations().sort()).toEqual(users.map(({ user }) => user).sort());
  expect(users.map(({ revokedAt }) => revokedAt)).toEqual([
    '2026-06-01T00:00:05.000Z',
    '2026-06-01T00:00:05.000Z',
  ]);
  expect(revokeProxy(paths, 'edge', NOW_MS + 9_000)).toBe(0);
  expect(revokeProxy(paths, 'other', NOW_MS + 9_000)).toBe(1);
  expect(revocations()).toHaveLength(3);
  expect(readdirSync(paths.issued)).toHaveLength(3);
});

test('a damaged record is named, and not passed over', () => {
  issue({ proxy: 'edge' });
  const [name = ''] = readdirSync(paths.issued);
  writeFileSync(join(paths.issued, name), '{');
  expect(() => revokeProxy(paths, 'edge', NOW_MS)).toThrow(/issued\/edge\..*\.json is damaged/);
});

test('a credential reads back as it was made', () => {
  const made = issue({ proxy: 'edge' });
  const file = join(tempDir(), 'edge.json');
  writeFileSync(file, JSON.stringify(made));
  expect(readCredential(file)).toEqual(made);
  expect(() => readCredential(`${file}x`)).toThrow(/the credential cannot be read: ENOENT/);
});

test('what is no credential is refused with a sentence that shows no key', () => {
  const made = issue({ proxy: 'edge' });
  const read = (change: object | string): unknown =>
    parseCredential(
      typeof change === 'string' ? change : JSON.stringify({ ...made, ...change }),
      'x.json',
    );
  const strange = newSigningKeys();
  for (const [change, sentence] of [
    ['', 'x.json is no credential: it is not JSON as `windrose mesh credential` writes it'],
    ['[]', 'x.json is no credential: it is not JSON as `windrose mesh credential` writes it'],
    [{ mesh: 7 }, 'x.json is no credential: it has no mesh'],
    [{ natsCreds: '' }, 'x.json is no credential: it has no natsCreds'],
    [{ natsCa: 1 }, 'x.json is no credential: natsCa is no text'],
    [{ grant: null }, 'x.json cannot be used: it has no grant'],
    [{ proxy: 'b' }, 'x.json cannot be used: its grant is for prod/edge, and it is that of prod/b'],
    [{ grant: { ...made.grant, cidrs: 1 } }, 'x.json cannot be used: its grant has no cidrs'],
    [
      { grant: { ...made.grant, service: 'shop/orders' } },
      'x.json cannot be used: its grant does not match its signature',
    ],
    [{ trust: strange.publicKey }, 'which is not trusted'],
    [{ trust: 'x' }, 'there is no public key in PEM in it'],
    [{ sealKey: strange.privateKey }, 'sealKey is a key for ed25519, not for X25519'],
    [{ sealKey: 'x' }, 'a key in x.json is not readable'],
  ] as const) {
    expect(() => read(change)).toThrow(sentence);
  }
});
