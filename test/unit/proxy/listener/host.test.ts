import { readAuthority } from '#proxy/listener/host.ts';
import { describe, expect, it } from 'vitest';

describe('readAuthority', () => {
  it.each([
    ['Shop.Example', 'shop.example', undefined],
    ['shop.example.:8080', 'shop.example', 8080],
    ['127.0.0.1:80', '127.0.0.1', 80],
    ['[::1]:443', '::1', 443],
    ['my_app', 'my_app', undefined],
    ['a', 'a', undefined],
  ])('%s', (text, host, port) => {
    expect(readAuthority(text)).toEqual({ ok: true, value: { host, port } });
  });

  it.each([
    '',
    'a,b',
    'a b',
    'user@host',
    'a..b',
    'a:0',
    'a:65536',
    'a:',
    'a:8x',
    '[::1',
    '[g::1]',
    '::1',
    'a/b',
    '-a',
    `${'a'.repeat(256)}`,
    'shop.example\t',
  ])('refuses %j', (text) => {
    expect(readAuthority(text)).toMatchObject({ ok: false, status: 400 });
  });
});
