import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { newSigningKeys } from '#platform/signing.ts';
import { readValues, settingsOf } from '#proxy/bootstrap.ts';
import { tempDir } from '#test/parts.ts';
import { beforeEach, describe, expect, it } from 'vitest';

const keys = newSigningKeys();
let dir: string;

beforeEach(() => {
  dir = tempDir();
});

function file(name: string, content: string | object): string {
  const full = path.join(dir, name);
  writeFileSync(full, typeof content === 'string' ? content : JSON.stringify(content));
  return full;
}

const read = (...argv: string[]) =>
  settingsOf(readValues(['--name', 'edge-1', ...argv], { NATS_URL: 'nats://127.0.0.1:4222' }));
const credential = (more: object = {}): string =>
  file('edge-1.json', { mesh: 'demo', proxy: 'edge-1', trust: keys.publicKey, ...more });

describe('whom a proxy believes', () => {
  it('is in its credential, and in files beside it', () => {
    const [one, two] = [file('one.pem', keys.publicKey), file('two.pem', 'another')];
    const its = credential();
    expect(read('--credential', its, '--trust', one, two).trust).toEqual([
      { pem: keys.publicKey, from: its },
      { pem: keys.publicKey, from: one },
      { pem: 'another', from: two },
    ]);
    expect(read('--trust', one).trust).toHaveLength(1);
  });

  it('is everybody in an unsigned mesh, and nobody that it would have to know standalone', () => {
    expect(read('--insecure-unsigned').trust).toBeUndefined();
    expect(read('--resources', 'x').trust).toBeUndefined();
  });

  it('has to be said', () => {
    expect(() => read()).toThrow(
      '--credential or --trust is missing: whose signatures are believed (`windrose mesh init` ' +
        'makes keys); --insecure-unsigned runs a mesh without signatures',
    );
  });

  it('is said once', () => {
    const one = file('one.pem', keys.publicKey);
    expect(() => read('--insecure-unsigned', '--trust', one)).toThrow(
      '--insecure-unsigned and --trust contradict each other; give one',
    );
    expect(() => read('--insecure-unsigned', '--credential', credential())).toThrow(
      '--insecure-unsigned and --credential contradict each other; give one',
    );
  });

  it.each<[string, () => string[], RegExp]>([
    ['a file that is not there', () => ['--trust', '/no/such.pem'], /^--trust: ENOENT/],
    [
      'a credential that is not there',
      () => ['--credential', '/no.json'],
      /cannot be read: ENOENT/,
    ],
    [
      'half a credential',
      () => ['--credential', file('x', '{')],
      /^--credential: .* cannot be read/,
    ],
    ['a credential of text', () => ['--credential', file('x', '"x"')], /is no JSON object$/],
    ['one without keys', () => ['--credential', credential({ trust: 1 })], /has no trust$/],
    [
      'another proxy’s',
      () => ['--credential', credential({ proxy: 'edge-2' })],
      /is for the proxy edge-2 of mesh demo, and this is edge-1 of demo$/,
    ],
    ['another mesh’s', () => ['--credential', credential({ mesh: 'x' })], /edge-1 of mesh x, and/],
  ])('is refused with %s', (_what, argv, sentence) => {
    expect(() => read(...argv())).toThrow(sentence);
  });
});
