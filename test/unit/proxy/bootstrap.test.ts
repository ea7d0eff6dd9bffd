import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProxyCredential } from '#contracts/credential.ts';
import { createMesh } from '#platform/mesh/create.ts';
import { type CredentialRequest, issueCredential } from '#platform/mesh/credential.ts';
import type { MeshPaths } from '#platform/mesh/folder.ts';
import { readValues, settingsOf } from '#proxy/bootstrap.ts';
import { tempDir } from '#test/parts.ts';
import { describe, expect, it } from 'vitest';

const NATS = { NATS_URL: 'nats://127.0.0.1:4222', WINDROSE_INSECURE_UNSIGNED: 'true' };
const read = (line: string, env: NodeJS.ProcessEnv = NATS) =>
  settingsOf(readValues(line.split(' '), env));

describe('settings', () => {
  it('reads a gateway', () => {
    const settings = read('--name edge-1 --role gateway --gateway shop/edge shop/other --zone z1');
    expect(settings).toMatchObject({
      identity: { proxy: 'edge-1', role: 'gateway', workload: '', zone: 'z1', mesh: 'demo' },
      scope: { gateways: ['shop/edge', 'shop/other'], workers: 1 },
      defaultAddress: '0.0.0.0',
      nats: { url: NATS.NATS_URL },
      resources: undefined,
    });
    expect(settings.identity.instance).not.toBe(read('--name a').identity.instance);
  });

  it('reads a sidecar', () => {
    const settings = read(
      '--name r --role sidecar --service shop/reviews --app localhost:9000 ' +
        '--inbound 127.0.0.1:9001 --outbound [::1]:9002 --label a=1 b=x=y',
    );
    expect(settings).toMatchObject({
      identity: { workload: 'shop/reviews', labels: { a: '1', b: 'x=y' } },
      app: { address: '127.0.0.1', port: 9000 },
      sidecar: {
        inbound: { host: '127.0.0.1', port: 9001 },
        outbound: { host: '::1', port: 9002 },
      },
    });
  });

  it('reads local ports of Services, on loopback where they say no host', () => {
    const { sidecar } = read(
      '--name r --role sidecar --service shop/web --outbound-ports shop/db:5432=15432 ' +
        'bank/pay:80=[::1]:9003',
    );
    expect(sidecar).toEqual({
      ...{ inbound: undefined, outbound: undefined },
      outboundPorts: [
        { callee: { service: 'shop/db', port: 5432 }, at: { host: '127.0.0.1', port: 15_432 } },
        { callee: { service: 'bank/pay', port: 80 }, at: { host: '::1', port: 9003 } },
      ],
    });
  });

  it.each([
    ['shop/db=1', 'shop/db=1 is not namespace/name:port=[host:]port'],
    ['db:80=1', 'db:80=1 is not namespace/name:port=[host:]port'],
    ['shop/db:0=1', 'shop/db:0=1 is not namespace/name:port=[host:]port'],
    ['shop/db:80=0', '--outbound-ports 127.0.0.1:0 is not host:port'],
    ['shop/db:80=a.test:1', '--outbound-ports a.test is not an IP address'],
    ['shop/db:80=1,shop/db:80=2', '--outbound-ports has shop/db:80 twice'],
    ['shop/db:80=1,shop/x:80=1', '--outbound-ports has 127.0.0.1:1 twice'],
  ])('local ports %s are refused', (text, sentence) => {
    const line = `--name a --role sidecar --service a/b --outbound-ports ${text}`;
    expect(() => read(line)).toThrow(sentence);
  });

  it('reads certificates, of which each is a pair, authorities or both', () => {
    const { certificates } = read(
      '--name a --certificates name=shop/web,cert=c.pem,key=k.pem name=shop/clients,ca=ca.pem',
    );
    expect(certificates).toEqual([
      { name: 'shop/web', cert: 'c.pem', key: 'k.pem', ca: undefined },
      { name: 'shop/clients', cert: undefined, key: undefined, ca: 'ca.pem' },
    ]);
  });

  it.each([
    ['cert=c,key=k', 'an entry without a name is not namespace/name'],
    ['name=web,cert=c,key=k', 'web is not namespace/name'],
    ['name=shop/web,cert=c', 'shop/web has no key'],
    ['name=shop/web,key=k', 'shop/web has no cert'],
    ['name=shop/web', 'shop/web has neither cert and key nor ca'],
    ['name=shop/web,ca=a name=shop/web,ca=a', 'shop/web stands twice'],
  ])('certificates %s are refused', (text, sentence) => {
    expect(() => read(`--name a --certificates ${text}`)).toThrow(sentence);
  });

  it('runs alone with files: no name, no NATS, no Kafka', () => {
    const settings = read('--resources a.yaml b.yaml --access-log -', {
      KAFKA_BROKERS: '127.0.0.1:9092',
    });
    expect(settings).toMatchObject({
      resources: ['a.yaml', 'b.yaml'],
      accessLog: '-',
      nats: undefined,
      kafkaBrokers: undefined,
      identity: { proxy: 'standalone' },
    });
  });

  it('reads how much telemetry may wait on disk', () => {
    const spool = (line: string): number => read(`--name a${line}`).spoolBytesMax;
    expect(spool('')).toBe(256 * 1024 * 1024);
    expect(spool(' --telemetry-spool 0')).toBe(0);
    for (const wrong of ['-1', '1.5', '2000000']) {
      expect(() => spool(` --telemetry-spool=${wrong}`)).toThrow(/is no number of MiB from 0/);
    }
  });

  it('reads how to get into Kafka as names of files, and not where there is no Kafka', () => {
    const password = join(tempDir(), 'password');
    writeFileSync(password, 's3cret');
    const line = `--kafka-tls --kafka-user a --kafka-password-file ${password}`;
    const settings = read(`--name a --kafka b:9093 ${line}`);
    expect(settings.kafkaAccess).toEqual({
      tls: true,
      user: { name: 'a', passwordFile: password, mechanism: 'SCRAM-SHA-512' },
    });
    expect(JSON.stringify(settings)).not.toContain('s3cret');
    expect(read(`--name a ${line}`).kafkaAccess).toBeUndefined();
    expect(read(`--resources a.yaml --kafka b:9093 ${line}`).kafkaAccess).toBeUndefined();
    expect(() => read('--name a --kafka b:9093 --kafka-user a')).toThrow('--kafka-password-file');
  });

  const wrong: [string, RegExp][] = [
    ['--role gateway', /--name .*is missing/],
    ['--name A_B', /--name A_B is no name/],
    ['--name a --role router', /"router" is not one of gateway, sidecar, fused/],
    ['--name a --gateway edge', /edge is not namespace\/name/],
    ['--name a --app 127.0.0.1:1', /--app is for a sidecar/],
    ['--name a --outbound-ports a/b:1=1', /--outbound-ports is for a sidecar/],
    ['--name a --role sidecar', /--service is missing/],
    ['--name a --role sidecar --service a/b', /--inbound or --outbound is missing/],
    ['--name a --role sidecar --service a/b --inbound 127.0.0.1:1', /--app is missing/],
    ['--name a --role sidecar --service a/b --app x --inbound 127.0.0.1:1', /--app x is not/],
    [
      '--name a --role sidecar --service a/b --app 127.0.0.1:1 --inbound 0.0.0.0:1',
      /announced to others/,
    ],
    ['--name a --role sidecar --service a/b --outbound host.example:1', /is not an IP address/],
    ['--name a --role sidecar --service a/b --outbound 127.0.0.1:0', /is not host:port/],
    ['--name a --role sidecar --gateway a/b', /--gateway is for a gateway/],
    ['--name a --workers 0', /--workers 0 is not a number/],
    ['--name a --label x', /--label x is not of the form/],
    ['--name a --address nowhere', /--address nowhere is not an IP address/],
    ['--nmae a', /Unknown option '--nmae'/],
  ];
  it.each(wrong)('%s: one sentence', (line, sentence) => {
    expect(() => read(line)).toThrow(sentence);
    try {
      read(line);
    } catch (error) {
      expect(String(error)).not.toContain('\n');
    }
  });

  it('wants to know where configuration comes from', () => {
    expect(() => read('--name a', {})).toThrow(/--nats or NATS_URL is missing/);
  });
});

describe('a credential', () => {
  const folder = (): MeshPaths =>
    createMesh({
      ...{ dir: join(tempDir(), 'prod'), mesh: 'prod', natsHosts: ['localhost'] },
      nowMs: Date.now(),
    });
  const issue = (request: CredentialRequest): ProxyCredential =>
    issueCredential(folder(), request, Date.now());
  const readWith = (credential: ProxyCredential, line: string, env = {}) =>
    settingsOf(
      readValues(line === '' ? [] : line.split(' '), {
        ...{ ...NATS, WINDROSE_INSECURE_UNSIGNED: '' },
        ...env,
      }),
      credential,
    );

  it('says who the proxy is', () => {
    const made = issue({ proxy: 'edge-1' });
    const settings = readWith(made, '--credential edge-1.json');
    expect(settings).toMatchObject({
      identity: { mesh: 'prod', proxy: 'edge-1' },
      scope: { proxy: 'edge-1' },
      dataDir: expect.stringMatching(/prod-edge-1$/) as string,
      nats: { url: NATS.NATS_URL, credentialFile: 'edge-1.json', credsFile: undefined },
    });
    expect(settings.credential).toBe(made);
    expect(readWith(made, '--mesh prod --name edge-1').identity.proxy).toBe('edge-1');
  });

  it.each([
    ['--mesh demo', '--mesh demo: the credential is that of prod/edge-1'],
    ['--name edge-2', '--name edge-2: the credential is that of prod/edge-1'],
    ['--nats-creds x', '--nats-creds (NATS_CREDS) beside --credential'],
  ])('with %s is refused', (line, sentence) => {
    expect(() => readWith(issue({ proxy: 'edge-1' }), line)).toThrow(sentence);
  });

  it('lets a sidecar announce the Service that it names, and no other', () => {
    const line = '--role sidecar --service shop/reviews --app 127.0.0.1:1 --inbound 127.0.0.1:2';
    const cidrs = ['127.0.0.0/8'];
    const own = issue({ proxy: 'r', service: 'shop/reviews', cidrs });
    expect(readWith(own, line).identity.workload).toBe('shop/reviews');
    const other = issue({ proxy: 'r', service: 'shop/orders', cidrs });
    expect(() => readWith(other, line)).toThrow(
      '--service shop/reviews: the credential lets it announce shop/orders',
    );
    expect(() => readWith(issue({ proxy: 'r' }), line)).toThrow('announce no Service');
    // One that only calls announces nothing.
    const calls = '--role sidecar --service shop/reviews --outbound 127.0.0.1:2';
    expect(readWith(other, calls).identity.workload).toBe('shop/reviews');
  });
});
