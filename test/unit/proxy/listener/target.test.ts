import { normalisePath, readTarget } from '#proxy/listener/target.ts';
import { describe, expect, it } from 'vitest';

describe('normalisePath', () => {
  it.each([
    ['/', '/'],
    ['/a/b', '/a/b'],
    ['/a/b/', '/a/b/'],
    ['/%61dmin', '/admin'],
    ['/a%7e%2d%5fb', '/a~-_b'],
    ['/caf%c3%a9', '/caf%C3%A9'],
    ['/a/./b', '/a/b'],
    ['/a/x/../b', '/a/b'],
    ['/a/b/..', '/a/'],
    ['/a/.', '/a/'],
    ['//a///b', '/a/b'],
    ['/.well-known/x', '/.well-known/x'],
    ['/a..b/...', '/a..b/...'],
    ['/%252F', '/%252F'],
    ['/%20%3B', '/%20%3B'],
  ])('%s becomes %s', (written, normal) => {
    expect(normalisePath(written, 'Reject')).toEqual({ ok: true, value: normal });
  });

  it('is idempotent', () => {
    for (const path of ['/%61/../b//c', '/x%7ey/./', '/%c3%a9/..']) {
      const once = normalisePath(path, 'Reject');
      if (!once.ok) throw new Error(path);
      expect(normalisePath(once.value, 'Reject')).toEqual(once);
    }
  });

  it.each(['/a%2Fb', '/a%2fb', '/a%5cb', '/%2e%2e/x', '/%2E', '/a%00', '/a%0d%0a', '/a%7f'])(
    'refuses %s',
    (path) => {
      expect(normalisePath(path, 'Reject')).toMatchObject({
        ok: false,
        status: 400,
        reason: 'bad_request',
      });
    },
  );

  it.each(['/%', '/%4', '/%zz', '/%%41', '/..', '/a/../..', '/./../x'])('refuses %s', (path) => {
    expect(normalisePath(path, 'Reject')).toMatchObject({ ok: false, status: 400 });
  });
});

describe('readTarget', () => {
  it('splits path and query, and leaves the query as it is', () => {
    expect(readTarget('GET', '/a/%62?x=%2F&y=../z')).toEqual({
      ok: true,
      value: { authority: undefined, path: '/a/%62', query: '?x=%2F&y=../z' },
    });
  });

  it('reads absolute form, as clients of an explicit proxy send it', () => {
    expect(readTarget('GET', 'http://reviews.shop:9080/x?y')).toEqual({
      ok: true,
      value: { authority: 'reviews.shop:9080', path: '/x', query: '?y' },
    });
    expect(readTarget('GET', 'HTTP://reviews.shop?y')).toMatchObject({
      value: { authority: 'reviews.shop', path: '/', query: '?y' },
    });
  });

  it('takes * for OPTIONS alone', () => {
    expect(readTarget('OPTIONS', '*').ok).toBe(true);
    expect(readTarget('GET', '*').ok).toBe(false);
  });

  it.each(['/a#b', '/a\\b', '/a b', '/ä', '/a\x00', 'a/b', 'https://x/', 'ftp://x/', ''])(
    'refuses %j',
    (url) => {
      expect(readTarget('GET', url)).toMatchObject({ ok: false, status: 400 });
    },
  );
});
