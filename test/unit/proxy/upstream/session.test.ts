import { describe, expect, it } from 'vitest';
import { explain } from '#proxy/pure.ts';
import { Plane, failed, head } from '../support/plane.ts';
import {
  NOW_MS,
  World,
  announced,
  calls,
  gateway,
  grpcRoute,
  own,
  route,
  rule,
  service,
} from '../support/world.ts';

const ENDPOINTS = ['127.0.0.1', '127.0.0.2', '127.0.0.3', '127.0.0.4'].map((address) =>
  announced(address),
);
const EDGE = gateway('edge', [{}]);

function world(session: object, ruleMore: object = {}, ...more: object[]): World {
  const rules = [rule('/', 'app', { sessionPersistence: session, ...ruleMore })];
  return new World(EDGE, service('app'), service('b'), route('r', { rules }), ...more);
}

function plane(session: object, ruleMore: object = {}, ...more: object[]): Plane {
  const some = world(session, ruleMore, ...more);
  expect(some.findings).toEqual([]);
  return new Plane(some.snapshot).announce('shop/app', ...ENDPOINTS);
}

/** A browser: keeps the cookies that it is given, by their names. */
class Browser {
  readonly #plane: Plane;
  readonly cookies = new Map<string, string>();
  /** What it was given last; undefined: nothing. */
  given: string | undefined;

  constructor(some: Plane) {
    this.#plane = some;
    some.answer = () => head();
  }

  async get(fields: Parameters<Plane['make']>[0] = {}): Promise<{ endpoint: string; to: string }> {
    const pairs = [...this.cookies].map(([name, value]) => `${name}=${value}`);
    const cookie = pairs.length === 0 ? {} : { cookie: pairs.join('; ') };
    const headers = { ...cookie, ...fields.headers };
    const { outcome, asked } = await this.#plane.ask({ ...fields, headers });
    const answer = outcome.kind === 'head' ? outcome.head.headers : undefined;
    this.given = answer?.get('set-cookie');
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(this.given ?? '') ?? [];
    if (name !== '') this.cookies.set(name, value);
    return { endpoint: asked.endpoint, to: asked.backend };
  }

  async endpoints(times: number): Promise<Set<string>> {
    const seen = new Set<string>();
    for (let i = 0; i < times; i++) seen.add((await this.get()).endpoint);
    return seen;
  }
}

describe('a cookie', () => {
  it('keeps a client at its endpoint, and is given once', async () => {
    const some = plane({});
    const browser = new Browser(some);
    const { endpoint } = await browser.get();
    expect(browser.given).toMatch(
      /^windrose-session-[\w-]{8}=[\w-]{20}; Path=\/; HttpOnly; SameSite=Strict$/,
    );
    for (let i = 0; i < 50; i++) {
      expect((await browser.get()).endpoint).toBe(endpoint);
      expect(browser.given).toBeUndefined();
    }
    // Without it the same proxy balances.
    const others = await Promise.all(Array.from({ length: 20 }, () => new Browser(some).get()));
    expect(new Set(others.map((each) => each.endpoint)).size).toBeGreaterThan(1);
  });

  it('is read the same by every proxy of the mesh, also after its start', async () => {
    const browser = new Browser(plane({}));
    const { endpoint } = await browser.get();
    const other = new Browser(plane({}));
    for (const [name, value] of browser.cookies) other.cookies.set(name, value);
    expect([...(await other.endpoints(30))]).toEqual([endpoint]);
  });

  it('tells no address, and reaches the backend with the others', async () => {
    const some = plane({});
    const browser = new Browser(some);
    browser.cookies.set('theme', 'dark');
    const { endpoint } = await browser.get();
    const text = JSON.stringify([...browser.cookies]);
    expect(text).not.toContain(endpoint.slice(0, 9));
    expect(Buffer.from(text.slice(-30), 'base64').toString('latin1')).not.toContain('127.');
    await browser.get();
    expect(some.tries[1]?.headers.get('cookie')).toMatch(/^theme=dark; windrose-session-/);
  });

  it('has the name, path and lifetime that the rule says; over TLS it is Secure', async () => {
    const cookie = { name: 'stay', path: '/shop', lifetimeType: 'Permanent' };
    const browser = new Browser(plane({ type: 'Cookie', absoluteTimeout: '5m', cookie }));
    await browser.get();
    const rest = '; Path=/shop; Max-Age=300; HttpOnly; SameSite=Strict';
    expect(browser.given).toMatch(new RegExp(`^stay=[\\w-]{20}[0-9a-z]{6}${rest}$`));
    browser.cookies.clear();
    const some = plane({});
    some.answer = () => head();
    const tls = { port: 443, protocol: 'HTTPS', tls: { certificateRefs: [{ name: 'web' }] } };
    const secure = new World(
      gateway('edge', [tls]),
      service('app'),
      route('r', { rules: [rule('/', 'app', { sessionPersistence: {} })] }),
    );
    const other = new Plane(secure.snapshot).announce('shop/app', ...ENDPOINTS);
    const over = new Browser(other);
    await over.get({ listener: ':443', scheme: 'https', serverName: 'shop.example' });
    expect(over.given).toMatch(/; HttpOnly; SameSite=Strict; Secure$/);
  });

  it('that stands several times counts where it means something', async () => {
    const some = plane({ cookie: { name: 'stay' } });
    const browser = new Browser(some);
    const { endpoint } = await browser.get();
    const value = browser.cookies.get('stay') ?? '';
    const cookies = [
      `stay=of-the-application; stay=${value}`,
      `stay=${value}; stay=x`,
      `mystay=1; stay=${value}`,
      `a=b, stay=${value}`,
    ];
    for (const cookie of cookies) {
      const { asked } = await some.ask({ headers: { cookie } });
      expect(asked.endpoint).toBe(endpoint);
    }
  });

  it.each([
    ['of another name', 'other=VALUE'],
    ['that is cut off', 'stay=VALU'],
    ['that is longer', 'stay=VALUE0123456789'],
    ['that names no endpoint', 'stay=AAAAAAAAAAAAAAAAAAAA'],
    ['that is no token', 'stay=10.0.0.1:80'],
    ['with a line in it', 'stay=VALUE%0d%0aset-cookie:x'],
  ])('%s begins a new session', async (_, text) => {
    const some = plane({ cookie: { name: 'stay' } });
    const browser = new Browser(some);
    await browser.get();
    const value = browser.cookies.get('stay') ?? '';
    const cookie = text.replace('VALUE', value).replace('VALU', value.slice(0, 12));
    browser.cookies.clear();
    some.answer = () => head();
    const { outcome } = await some.ask({ headers: { cookie } });
    const given = outcome.kind === 'head' ? outcome.head.headers.get('set-cookie') : '';
    expect(given).toMatch(/^stay=[\w-]{20}; Path=\/; HttpOnly; SameSite=Strict$/);
  });
});

describe('an endpoint', () => {
  it('that is gone has a successor, which the client is told', async () => {
    const some = plane({});
    const browser = new Browser(some);
    const { endpoint } = await browser.get();
    const left = ENDPOINTS.filter(({ address }) => !endpoint.startsWith(address));
    some.announce('shop/app', ...left);
    const moved = await browser.get();
    expect(moved.endpoint).not.toBe(endpoint);
    expect(browser.given).toBeDefined();
    some.announce('shop/app', ...ENDPOINTS);
    expect([...(await browser.endpoints(30))]).toEqual([moved.endpoint]);
  });

  it('that is ejected, or does not answer, has one too', async () => {
    const some = plane({});
    const browser = new Browser(some);
    const { endpoint } = await browser.get();
    some.answer = ({ endpoint: { address } }) =>
      endpoint.startsWith(address) ? failed('upstream_refused') : head();
    const moved = await browser.get();
    expect(moved.endpoint).not.toBe(endpoint);
    expect([...(await browser.endpoints(20))]).toEqual([moved.endpoint]);

    const out = plane(
      {},
      {},
      own('TrafficPolicy', 't', {
        targetRefs: [{ kind: 'Service', name: 'app' }],
        outlier: { consecutiveErrors: 1 },
      }),
    );
    const other = new Browser(out);
    const first = await other.get();
    out.answer = () => head(500);
    await other.get();
    out.answer = () => head();
    expect((await other.get()).endpoint).not.toBe(first.endpoint);
  });
});

describe('a rule with several backends', () => {
  const backendRefs = [
    { name: 'app', port: 80, weight: 70 },
    { name: 'b', port: 80, weight: 30 },
  ];

  it('is split by its weights first, and has a session with each', async () => {
    const some = plane({}, { backendRefs });
    some.announce('shop/b', announced('127.0.1.1'), announced('127.0.1.2'));
    const browser = new Browser(some);
    const endpoints = new Map<string, Set<string>>();
    const counts = new Map<string, number>();
    let given = 0;
    for (let i = 0; i < 1_000; i++) {
      const { endpoint, to } = await browser.get();
      endpoints.set(to, (endpoints.get(to) ?? new Set()).add(endpoint));
      counts.set(to, (counts.get(to) ?? 0) + 1);
      if (browser.given !== undefined) given++;
    }
    expect([...endpoints.values()].map(({ size }) => size)).toEqual([1, 1]);
    expect(counts.get('shop/app:80')).toBeGreaterThan(640);
    expect(counts.get('shop/app:80')).toBeLessThan(760);
    expect([given, browser.cookies.size]).toEqual([2, 1]);
  });

  it('a backend without weight gets nothing, whoever had a session with it', async () => {
    const before = plane({}, { backendRefs: [backendRefs[0]] });
    const browser = new Browser(before);
    await browser.get();
    const zero = [
      { name: 'app', port: 80, weight: 0 },
      { name: 'b', port: 80 },
    ];
    const after = plane({}, { backendRefs: zero });
    after.announce('shop/b', announced('127.0.1.1'));
    const other = new Browser(after);
    for (const [name, value] of browser.cookies) other.cookies.set(name, value);
    expect([...(await other.endpoints(20))]).toEqual(['127.0.1.1:9000']);
  });

  it('an entry of a backend that the rule does not have is not carried on', async () => {
    const some = plane({ cookie: { name: 'stay' } });
    some.answer = () => head();
    const cookie = `stay=${'A'.repeat(20)}.${'B'.repeat(20)}`;
    const { outcome } = await some.ask({ headers: { cookie } });
    const given = outcome.kind === 'head' ? outcome.head.headers.get('set-cookie') : '';
    expect(given).toMatch(/^stay=[\w-]{20};/);
  });
});

describe('absoluteTimeout', () => {
  it('ends a session of the browser, which then is another', async () => {
    const some = plane({ absoluteTimeout: '10m', cookie: { name: 'stay' } });
    const browser = new Browser(some);
    const { endpoint } = await browser.get();
    expect(browser.given).not.toContain('Max-Age');
    some.clock.advance(599_000);
    expect((await browser.get()).endpoint).toBe(endpoint);
    expect(browser.given).toBeUndefined();
    const value = browser.cookies.get('stay');
    some.clock.advance(2_000);
    await browser.get();
    expect(browser.given).toBeDefined();
    expect(browser.cookies.get('stay')).not.toBe(value);
  });

  it('a session that began in the future is none', async () => {
    const some = plane({ absoluteTimeout: '10m', cookie: { name: 'stay' } });
    const browser = new Browser(some);
    await browser.get();
    const entry = (browser.cookies.get('stay') ?? '').slice(0, 20);
    for (const [aheadS, isBelieved] of [
      [30, true],
      [3_600, false],
    ] as const) {
      const startS = Math.floor(NOW_MS / 1_000) + aheadS;
      browser.cookies.set('stay', `${entry}${startS.toString(36)}`);
      await browser.get();
      expect(browser.given === undefined).toBe(isBelieved);
    }
  });
});

describe('a header', () => {
  const session = { type: 'Header', header: { name: 'X-Stay' } };

  it('carries the session where the rule says so, also of a GRPCRoute', async () => {
    const some = new World(
      EDGE,
      service('app'),
      grpcRoute('g', { rules: [calls(undefined, 'app', { sessionPersistence: session })] }),
    );
    expect(some.findings).toEqual([]);
    const plain = new Plane(some.snapshot).announce('shop/app', ...ENDPOINTS);
    plain.answer = () => head(200, { 'x-stay': 'of the application' });
    const fields = { method: 'POST', path: '/a.One/Get', hasBody: true };
    const type = { 'content-type': 'application/grpc' };
    const first = await plain.ask({ ...fields, headers: type });
    const token = first.outcome.kind === 'head' ? first.outcome.head.headers.get('x-stay') : '';
    expect(token).toMatch(/^[\w-]{20}$/);
    plain.answer = () => head();
    for (let i = 0; i < 30; i++) {
      const { asked, outcome } = await plain.ask({
        ...fields,
        headers: { ...type, 'x-stay': token ?? '' },
      });
      expect(asked.endpoint).toBe(first.asked.endpoint);
      expect(outcome.kind === 'head' && outcome.head.headers.has('x-stay')).toBe(false);
    }
  });
});

describe('what is wrong with it', () => {
  const at = 'HTTPRoute/shop/r spec.rules[0].sessionPersistence';
  it.each([
    [{ type: 'Header' }, [`${at}.header missing_field`]],
    [{ type: 'Header', header: { name: 'Cookie' } }, [`${at}.header.name invalid_value`]],
    [{ type: 'Header', header: { name: 'x-windrose-hop' } }, [`${at}.header.name invalid_value`]],
    [{ type: 'Header', header: { name: 'x-s' }, cookie: {} }, [`${at}.cookie invalid_value`]],
    [{ header: { name: 'x-s' } }, [`${at}.header invalid_value`]],
    [{ cookie: { lifetimeType: 'Permanent' } }, [`${at}.absoluteTimeout missing_field`]],
    [{ absoluteTimeout: '0s' }, [`${at}.absoluteTimeout invalid_value`]],
    [{ cookie: { path: '/a; Domain=evil' } }, [`${at}.cookie.path invalid_value`]],
    [{ cookie: { path: '/a\r\nx: y' } }, [`${at}.cookie.path invalid_value`]],
    [{ cookie: { path: 'a' } }, [`${at}.cookie.path invalid_value`]],
  ])('%j', async (session, findings) => {
    const some = world(session);
    expect(some.findings).toEqual(findings);
    const plain = new Plane(some.snapshot).announce('shop/app', ...ENDPOINTS);
    const { outcome, said } = await plain.ask();
    expect(said).toBe('200');
    expect(outcome.kind === 'head' && outcome.head.headers.size).toBe(0);
  });
});

it('each rule has a cookie of its own, and explain tells it with the retry', () => {
  const sessionPersistence = { absoluteTimeout: '1h' };
  const retry = { codes: [500], attempts: 2, backoff: '50ms' };
  const { snapshot } = new World(
    EDGE,
    service('app'),
    route('r', {
      rules: [
        rule('/a', 'app', { sessionPersistence, retry }),
        rule('/b', 'app', { sessionPersistence }),
      ],
    }),
  );
  const told = (path: string): string[] =>
    explain(snapshot, { method: 'GET', url: `http://shop.example${path}` }, { wallMs: NOW_MS })
      .steps.filter(({ name, phase }) => name === 'sessionPersistence' || phase === 'forward')
      .map(({ effect }) => effect);
  const [session = '', forwarding = ''] = told('/a');
  expect(session).toMatch(/^keeps a client at its endpoint of the chosen backend by the cookie /);
  expect(session).toMatch(/ windrose-session-[\w-]{8}; Path=\/; .*SameSite=Strict, for 3600 s$/);
  expect(forwarding).toContain(
    'up to 2 more after 50 ms and longer on ConnectFailure, Reset and 504 if it is safe, 500',
  );
  expect(told('/b')[0]).not.toBe(session);
});
