import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseManifests } from '#platform/manifests.ts';
import { expect, onTestFinished, test } from 'vitest';
import { windrose } from '../harness.ts';

const OPENAPI = 'openapi: 3.0.3\ninfo: {title: T, version: "1"}\npaths: {/a: {get: {}}}\n';
const TARGET = ['--service', 'shop/pets:80', '--gateway', 'shop/edge'];
const INGRESS = [
  'apiVersion: networking.k8s.io/v1',
  'kind: Ingress',
  'metadata: {name: web, annotations: {x/y: z}}',
  'spec: {rules: [{http: {paths: [{path: /, pathType: Prefix, backend: ',
  '  {service: {name: web, port: {number: 80}}}}]}}]}',
].join('\n');

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'windrose-import-'));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

test('resources go to standard output as YAML or a list of JSON, notes beside it', async () => {
  const yaml = await windrose(['import', '-'], { stdin: INGRESS });
  const json = await windrose(['import', 'ingress', '-', '-o', 'json'], { stdin: INGRESS });
  expect([yaml.status, json.status]).toEqual([0, 0]);
  expect(yaml.err).toContain('not carried over (1):\n  Ingress/default/web\n');
  const fromYaml = parseManifests(yaml.out, 'yaml');
  expect(fromYaml.problems).toEqual([]);
  expect(fromYaml.resources.map(({ kind }) => kind)).toEqual(['Gateway', 'HTTPRoute']);
  expect(parseManifests(json.out, 'json').resources).toEqual(fromYaml.resources);
});

test('--strict makes whatever was not carried over status 1, beside the result', async () => {
  const strict = await windrose(['import', '-', '--strict'], { stdin: INGRESS });
  const easy = await windrose(['import', '-'], { stdin: INGRESS });
  expect(strict.status).toBe(1);
  expect(strict.out).toBe(easy.out);
  expect(strict.err).toMatch(/: 1 thing was not carried over exactly \(--strict\)\n$/);
  const whole = await windrose(['import', '-', '--strict', ...TARGET], { stdin: OPENAPI });
  expect(whole).toMatchObject({ status: 0, err: '' });
});

test('--into writes a file, and says when it cannot', async () => {
  const path = join(folder(), 'routes.yaml');
  const { status, out, err } = await windrose(['import', '-', ...TARGET, '--into', path], {
    stdin: OPENAPI,
  });
  expect({ status, out, err }).toEqual({
    status: 0,
    out: '',
    err: `1 resource written to ${path}\n`,
  });
  expect(parseManifests(readFileSync(path, 'utf8'), path).problems).toEqual([]);
  const missing = join(folder(), 'none', 'routes.yaml');
  const failed = await windrose(['import', '-', ...TARGET, '--into', missing], { stdin: OPENAPI });
  expect(failed.status).toBe(1);
  expect(failed.err).toContain(`cannot write ${missing}`);
});

test('a Service in another file tells the port that an Ingress names', async () => {
  const path = folder();
  writeFileSync(join(path, 'web.yaml'), INGRESS.replace('number: 80', 'name: http'));
  const service =
    'apiVersion: v1\nkind: Service\nmetadata: {name: web}\n' +
    'spec: {ports: [{name: http, port: 8000}], selector: {app: web}}\n';
  writeFileSync(join(path, 'services.yaml'), service);
  const { status, out } = await windrose(['import', path]);
  expect(status).toBe(0);
  expect(out).toContain('port: 8000');
});

test.each([
  ['a document of another source', ['istio', '-'], INGRESS, 'this is no document of istio'],
  ['an OpenAPI document without a service', ['-'], OPENAPI, 'give --service NAMESPACE/NAME'],
  ['Swagger 2.0', ['-'], 'swagger: "2.0"', 'convert it to OpenAPI 3'],
  ['OpenAPI 4', ['-'], 'openapi: 4.0.0', 'OpenAPI 4.0.0 is not read'],
  ['a text', ['-'], 'hello', 'this is not a mapping'],
  ['a mapping of nothing', ['-'], 'a: 1', 'neither OpenAPI nor an object of Kubernetes'],
  ['no operations', ['-', ...TARGET], 'openapi: 3.1.0', 'there are no operations'],
])('%s: nothing is carried over, status 1, and the reason', async (_name, args, stdin, reason) => {
  const { status, out, err } = await windrose(['import', ...args], { stdin });
  expect({ status, out }).toEqual({ status: 1, out: '' });
  expect(err).toContain(reason);
  expect(err).toMatch(/windrose: nothing could be carried over\n$/);
});

test('what cannot be read is status 1 with its place', async () => {
  const broken = await windrose(['import', '-'], { stdin: 'a: [1' });
  expect(broken.status).toBe(1);
  expect(broken.err).toContain('this cannot be read\nstandard input\n');
  const missing = join(folder(), 'none.yaml');
  const absent = await windrose(['import', missing]);
  expect(absent.status).toBe(1);
  expect(absent.err).toContain(`cannot read ${missing}`);
});
