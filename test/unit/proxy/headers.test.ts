import { describe, expect, it } from 'vitest';
import { HeaderList } from '#proxy/headers.ts';

describe('HeaderList', () => {
  it('finds fields by lower-case name and joins their lines (RFC 9110 section 5.3)', () => {
    const list = HeaderList.fromRaw(['Accept', 'a', 'X-One', '1', 'accept', 'b']);
    expect(list.get('accept')).toBe('a, b');
    expect(list.count('accept')).toBe(2);
    expect(list.get('x-two')).toBeUndefined();
    expect(list.has('x-one')).toBe(true);
  });

  it('joins the lines of a cookie as pairs of one (RFC 9113 section 8.2.3)', () => {
    const list = HeaderList.fromRaw(['Cookie', 'a=1', 'cookie', 'b=2']);
    expect(list.get('cookie')).toBe('a=1; b=2');
  });

  it('keeps order and spelling', () => {
    const raw = ['Accept', 'a', 'X-One', '1', 'accept', 'b'];
    expect(HeaderList.fromRaw(raw).toRaw()).toEqual(raw);
  });

  it('set replaces every line, remove takes them all', () => {
    const list = HeaderList.fromRaw(['A', '1', 'B', '2', 'a', '3']);
    list.set('A', '9');
    expect(list.toRaw()).toEqual(['B', '2', 'A', '9']);
    list.remove('b');
    expect(list.size).toBe(1);
  });

  it('a clone goes its own way', () => {
    const list = HeaderList.fromRaw(['A', '1']);
    list.clone().add('B', '2');
    expect(list.size).toBe(1);
  });
});
