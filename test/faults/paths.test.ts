import { expect, it } from 'vitest';
import { exchangeBytes, startUpstream } from '../unit/proxy/forward/harness.ts';
import { oneOf, own, route, rule, seeded } from '../unit/proxy/support/world.ts';
import { isDrill } from './support/call.ts';
import { openFront, routed } from './support/front.ts';

const SPELLINGS = isDrill ? 20_000 : 300;
const GUARDED = '/admin';

/** `/admin/x` in one of the ways that somewhere are read as that. */
function spelling(random: () => number): string {
  const slash = (): string =>
    oneOf(random, ['/', '/', '//', '/./', '/a/../', '%2F', '%2f', '/%2e/']);
  const name = [...'admin']
    .map((char) => {
      const hex = char.charCodeAt(0).toString(16);
      return random() < 0.3 ? `%${random() < 0.5 ? hex : hex.toUpperCase()}` : char;
    })
    .join('');
  return `${oneOf(random, ['/', '//', '/.//', '/x/..%2f', '/%2F'])}${name}${slash()}x`.replace(
    /^%2F/i,
    '/',
  );
}

/** As a program reads a path that decodes it, merges slashes and resolves dot segments. */
function readElsewhere(path: string): string {
  return new URL(`http://a${decodeURIComponent(path).replace(/\/+/g, '/')}`).pathname;
}

it.each(['Reject', 'Decode', 'Keep'] as const)(
  'F16: authorization decides the same for every spelling of a path (%%2F: %s)',
  async (escapedSlash) => {
    const upstream = await startUpstream((_request, response) => response.end('open'));
    const front = await openFront({
      dataPlane: routed({
        endpoints: [upstream.endpoint],
        more: [
          route('guarded', { rules: [rule(GUARDED, 'app', { name: 'admin' })] }),
          own('AuthenticationPolicy', 'keys', {
            targetRefs: [{ kind: 'HTTPRoute', name: 'guarded', sectionName: 'admin' }],
            apiKey: {},
          }),
          own('ListenerPolicy', 'slashes', {
            targetRefs: [{ kind: 'Gateway', name: 'edge' }],
            paths: { escapedSlash },
          }),
        ],
      }),
    });
    const random = seeded(16);
    const counts = new Map<number, number>();
    for (let i = 0; i < SPELLINGS; i++) {
      const target = spelling(random);
      const before = upstream.seen.length;
      const bytes = `GET ${target} HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n`;
      const status = Number((await exchangeBytes(front.port, bytes)).slice(9, 12));
      counts.set(status, (counts.get(status) ?? 0) + 1);
      const path = front.records.at(-1)?.request.path ?? '';
      // What was decided on is, to the byte, what the upstream is asked for.
      const asked = upstream.seen.slice(before);
      expect(asked, target).toEqual(status === 200 ? [`GET ${path}`] : []);
      if (status !== 200) expect([400, 401], target).toContain(status);
      // Who lets slashes be characters has said that the upstream reads them as such.
      else expect(escapedSlash === 'Keep' && path.includes('%2F'), target).toBe(true);
      if (status === 401) expect(readElsewhere(path), target).toMatch(/^\/admin(\/|$)/);
    }
    expect(counts.get(401), JSON.stringify([...counts])).toBeGreaterThan(SPELLINGS / 20);
    expect(counts.get(400) ?? 0).toBeGreaterThan(0);
  },
);
