import { generateKeyPairSync } from 'node:crypto';
import type { Signed } from '#contracts/signing.ts';
import { KeyError, Signer, Trust, newSigningKeys } from '#platform/signing.ts';
import { describe, expect, it } from 'vitest';

interface Word extends Signed {
  word: string;
  more?: { b: number; a: number };
}

const keys = newSigningKeys();
const others = newSigningKeys();
const signer = new Signer(keys.privateKey, 'a key');
const trust = new Trust([{ pem: keys.publicKey, from: 'trust' }]);

describe('a signature', () => {
  it('is believed for what was signed, in whatever order its members come', () => {
    const signed = signer.sign<Word>('head', { word: 'yes', more: { b: 1, a: 2 } });
    expect(trust.refusalOf('head', signed)).toBeUndefined();
    const again = JSON.parse(
      `{"more":{"a":2,"b":1},"signature":${JSON.stringify(signed.signature)},"word":"yes"}`,
    ) as Word;
    expect(trust.refusalOf('head', again)).toBeUndefined();
  });

  it('replaces one that was there', () => {
    const other = new Signer(others.privateKey, 'b');
    const signed = signer.sign('head', other.sign<Word>('head', { word: 'yes' }));
    expect(trust.refusalOf('head', signed)).toBeUndefined();
  });

  it.each<[string, (signed: Word) => Signed, RegExp]>([
    ['a changed value', (signed) => ({ ...signed, word: 'no' }), /does not match/],
    ['a further member', (signed) => ({ ...signed, x: 1 }) as Signed, /does not match/],
    ['no signature', () => ({ word: 'yes' }) as Signed, /is not signed/],
    ['a text for one', (s) => ({ ...s, signature: 'x' }) as unknown as Signed, /not readable/],
    ['null for one', (s) => ({ ...s, signature: null }) as unknown as Signed, /not readable/],
    ['cut bytes', (s) => ({ ...s, signature: { key: signer.id, value: 'AA' } }), /not match/],
    [
      'a key that is not trusted',
      () => new Signer(others.privateKey, 'b').sign<Word>('head', { word: 'yes' }),
      /the key [0-9a-f]{16}, which is not trusted/,
    ],
  ])('is not believed with %s', (_name, forge, why) => {
    expect(trust.refusalOf('head', forge(signer.sign<Word>('head', { word: 'yes' })))).toMatch(why);
  });

  it('made for one purpose is worth nothing for another', () => {
    const signed = signer.sign<Word>('grant', { word: 'yes' });
    expect(trust.refusalOf('change-set', signed)).toMatch(/does not match/);
  });
});

describe('keys', () => {
  it('of a rotation are trusted together, from one text or from two', () => {
    const both = new Trust([{ pem: keys.publicKey + others.publicKey, from: 'trust' }]);
    const signed = new Signer(others.privateKey, 'b').sign<Word>('head', { word: 'yes' });
    expect(both.refusalOf('head', signed)).toBeUndefined();
    expect(both.ids).toHaveLength(2);
    expect(both.ids).toContain(signer.id);
  });

  it('that cannot be used are refused with the name of the file', () => {
    const { privateKey } = generateKeyPairSync('x25519');
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    expect(() => new Signer(pem, 'k.pem')).toThrow(
      'k.pem: it is a key for x25519, not for Ed25519',
    );
    expect(() => new Signer('no', 'k.pem')).toThrow(/^k\.pem: /);
    expect(() => new Trust([{ pem: 'no', from: 't.pem' }])).toThrow(/^t\.pem: there is no public/);
    expect(() => Signer.read('/nowhere/k.pem')).toThrow(KeyError);
  });
});
