import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { ProxyCredential } from '#contracts/credential.ts';
import { newSigningKeys } from '#platform/signing.ts';
import { readValues, settingsOf } from '#proxy/bootstrap.ts';
import { tempDir } from '#test/parts.ts';
import { beforeEach, describe, expect, it } from 'vitest';

const keys = newSigningKeys();
let dir: string;

beforeEach(() => {
  dir = tempDir();
});

function file(name: string, content: string): string {
  const full = path.join(dir, name);
  writeFileSync(full, content);
  return full;
}

const NATS = { NATS_URL: 'nats://127.0.0.1:4222' };
const read = (...argv: string[]) => settingsOf(readValues(['--name', 'edge-1', ...argv], NATS));

/** As `windrose mesh credential` made it; what is wrong with one is told where it is read. */
const credential: ProxyCredential = {
  ...{ mesh: 'demo', proxy: 'edge-1', natsCreds: '', trust: keys.publicKey, sealKey: '' },
  grant: { mesh: 'demo', proxy: 'edge-1', cidrs: [] },
};
const readWith = (...argv: string[]) =>
  settingsOf(readValues(['--credential', 'edge-1.json', ...argv], NATS), credential);

describe('whom a proxy believes', () => {
  it('is in its credential, and in files beside it', () => {
    const [one, two] = [file('one.pem', keys.publicKey), file('two.pem', 'another')];
    expect(readWith('--trust', one, two).trust).toEqual([
      { pem: keys.publicKey, from: 'edge-1.json' },
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
    expect(() => readWith('--insecure-unsigned')).toThrow(
      '--insecure-unsigned and --credential contradict each other; give one',
    );
  });

  it('is refused with a file that is not there', () => {
    expect(() => read('--trust', '/no/such.pem')).toThrow(/^--trust: ENOENT/);
  });
});
