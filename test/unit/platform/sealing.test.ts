import { describe, expect, it } from 'vitest';
import { newSigningKeys } from '#platform/signing.ts';
import { SealError, Unsealer, newSealingKeys, seal } from '#platform/sealing.ts';

const keys = newSealingKeys();
const unsealer = new Unsealer(keys.privateKey, 'a key');
const TEXT = 'a värde ✓ of any length'.repeat(100);

describe('a sealed box', () => {
  it('opens with the key that it is sealed to, and is another one each time', () => {
    const box = seal(keys.sealTo, 'for a', TEXT);
    expect(unsealer.open(box, 'for a')).toBe(TEXT);
    expect(unsealer.open(seal(keys.sealTo, 'for a', ''), 'for a')).toBe('');
    expect(seal(keys.sealTo, 'for a', TEXT)).not.toEqual(box);
    expect(JSON.stringify(box)).not.toContain(Buffer.from('of any length').toString('base64url'));
  });

  it('opens for nobody else, for nothing else, and not when it was changed', () => {
    const box = seal(keys.sealTo, 'for a', TEXT);
    const other = new Unsealer(newSealingKeys().privateKey, 'another');
    const flipped = Buffer.from(box.text, 'base64url');
    flipped.writeUInt8(flipped.readUInt8(3) ^ 1, 3);
    for (const open of [
      () => other.open(box, 'for a'),
      () => unsealer.open(box, 'for b'),
      () => unsealer.open({ ...box, text: flipped.toString('base64url') }, 'for a'),
      () => unsealer.open({ ...box, text: box.text.slice(0, 8) }, 'for a'),
      () => unsealer.open({ ...box, text: '' }, 'for a'),
      () => unsealer.open({ ...box, from: newSealingKeys().sealTo }, 'for a'),
    ]) {
      expect(open).toThrow(new SealError('it was not sealed to this key, or was changed'));
    }
  });

  it('is refused for keys that are none', () => {
    const none = /32 bytes in base64url/;
    expect(() => seal('short', 'for a', TEXT)).toThrow(none);
    expect(() => unsealer.open({ from: 'short', text: 'AAAA' }, 'for a')).toThrow(none);
    const smallOrder = Buffer.alloc(32).toString('base64url');
    expect(() => seal(smallOrder, 'for a', TEXT)).toThrow(/not usable/);
  });
});

describe('a sealing key', () => {
  it('gives its public key, and digests that only its holder can make', () => {
    expect(unsealer.sealTo).toBe(keys.sealTo);
    const digest = unsealer.digestOf({ b: '1', a: '2' });
    expect(digest).toMatch(/^hmac-sha256:[0-9a-f]{64}$/);
    expect(unsealer.digestOf({ a: '2', b: '1' })).toBe(digest);
    expect(new Unsealer(keys.privateKey, 'again').digestOf({ a: '2', b: '1' })).toBe(digest);
    expect(new Unsealer(newSealingKeys().privateKey, 'b').digestOf({ a: '2', b: '1' })).not.toBe(
      digest,
    );
  });

  it('that cannot be used is refused with the name of its file', () => {
    expect(() => new Unsealer(newSigningKeys().privateKey, 'k.pem')).toThrow(
      'k.pem: it is a key for ed25519, not for X25519',
    );
    expect(() => new Unsealer('no', 'k.pem')).toThrow(/^k\.pem: /);
    expect(() => Unsealer.read('/nowhere/k.pem')).toThrow(SealError);
  });
});
