import type { HeaderList } from '../../headers.ts';

/**
 * The CORS filter of Gateway API. Lists are written as they go into their field; `*` is everything,
 * undefined is nothing to say.
 */
export interface Cors {
  readonly origins: Origins;
  readonly credentials: boolean;
  readonly methods: string | undefined;
  readonly headers: string | undefined;
  readonly expose: string | undefined;
  /** Seconds. */
  readonly maxAge: string;
}

export interface Origins {
  /** `*`: every origin, also those that are no web page's. */
  readonly all: boolean;
  /** As `readOrigin` writes them. */
  readonly exact: ReadonlySet<string>;
  readonly wildcards: readonly OriginPattern[];
}

/** `https://*.example.com:8443` */
export interface OriginPattern {
  readonly scheme: string;
  /** What the host ends with, its dot included; empty: any host. */
  readonly suffix: string;
  readonly port: string;
}

/** What a browser asks with before it sends a request that needs leave (fetch standard, 4.8). */
export interface CorsInput {
  readonly method: string;
  readonly headers: Pick<HeaderList, 'get'>;
}

export type Fields = (readonly [name: string, value: string])[];

const ANY = '*';
const ORIGIN = /^(https?):\/\/([^\s/?#@:,]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?$/i;
/** Whatever else calls itself an origin: `null`, or a scheme of a browser's own. */
const OTHER_ORIGIN = /^(?:null|[a-z][a-z0-9+.-]*:\/\/[^\s/?#@,]+)$/i;
const WELL_KNOWN_PORTS: Readonly<Record<string, string>> = { http: '80', https: '443' };
const TOKEN = /^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$/;
const TOKENS = /^[A-Za-z0-9!#$%&'*+\-.^_`|~]+(?:[ \t]*,[ \t]*[A-Za-z0-9!#$%&'*+\-.^_`|~]+)*$/;
/** Of a response to a preflight or to the request itself; an upstream's own are replaced. */
const RESPONSE_FIELDS = ['origin', 'credentials', 'methods', 'headers'].map(
  (what) => `access-control-allow-${what}`,
);
const OURS = [...RESPONSE_FIELDS, 'access-control-expose-headers', 'access-control-max-age'];

/** Scheme, host and port with every default written out; undefined: no origin of the web. */
export function readOrigin(text: string): (OriginPattern & { key: string }) | undefined {
  const match = ORIGIN.exec(text);
  if (match === null) return undefined;
  const [, scheme = '', host = '', port] = match.map((part) => part?.toLowerCase());
  const known = port ?? WELL_KNOWN_PORTS[scheme] ?? '';
  return { scheme, suffix: host, port: known, key: `${scheme}://${host}:${known}` };
}

export function isOriginAllowed({ all, exact, wildcards }: Origins, origin: string): boolean {
  if (all) return ORIGIN.test(origin) || OTHER_ORIGIN.test(origin);
  const read = readOrigin(origin);
  if (read === undefined) return false;
  if (exact.has(read.key)) return true;
  return wildcards.some(
    ({ scheme, suffix, port }) =>
      scheme === read.scheme &&
      port === read.port &&
      read.suffix.length > suffix.length &&
      read.suffix.endsWith(suffix),
  );
}

/** A request that asks for leave and carries nothing else, credentials least of all. */
export function isPreflight({ method, headers }: CorsInput): boolean {
  return (
    method === 'OPTIONS' &&
    headers.get('origin') !== undefined &&
    TOKEN.test(headers.get('access-control-request-method') ?? '')
  );
}

/** The fields of the answer to a preflight; to an origin that is not allowed it says nothing. */
export function preflightFields(cors: Cors, { headers }: CorsInput): Fields {
  const fields = originFields(cors, headers.get('origin'));
  const varies = isConstant(cors) ? [] : ['Origin'];
  if (fields.length > 0) {
    const method = headers.get('access-control-request-method');
    const asked = headers.get('access-control-request-headers');
    const { methods, credentials, maxAge, expose } = cors;
    const echoed = methods === ANY && credentials ? method : methods;
    if (echoed !== undefined) fields.push(['access-control-allow-methods', echoed]);
    // All of them: as `*` that would leave Authorization out (fetch standard, 4.10).
    const allowed = cors.headers === ANY ? namesIn(asked) : cors.headers;
    if (allowed !== undefined) fields.push(['access-control-allow-headers', allowed]);
    if (expose !== undefined && !(expose === ANY && credentials)) {
      fields.push(['access-control-expose-headers', expose]);
    }
    fields.push(['access-control-max-age', maxAge]);
    if (methods === ANY && credentials) varies.push('Access-Control-Request-Method');
    if (cors.headers === ANY) varies.push('Access-Control-Request-Headers');
  }
  if (varies.length > 0) fields.push(['vary', varies.join(', ')]);
  return fields;
}

/**
 * The fields of an actual answer. `names`: those of its other fields, which are all exposed where
 * `*` is asked for and may not be written, because of credentials.
 */
export function answerFields(
  cors: Cors,
  origin: string | undefined,
  names: () => readonly string[],
): Fields {
  const fields = originFields(cors, origin);
  if (fields.length === 0) return fields;
  const { expose, credentials } = cors;
  const exposed = expose === ANY && credentials ? names().join(', ') : (expose ?? '');
  if (exposed !== '') fields.push(['access-control-expose-headers', exposed]);
  return fields;
}

/**
 * Puts the fields of an actual answer into it, in place of what the upstream says itself. `more`:
 * names of fields that it gets later.
 */
export function applyCors(
  cors: Cors,
  origin: string | undefined,
  headers: HeaderList,
  more: readonly string[] = [],
): void {
  for (const name of OURS) headers.remove(name);
  for (const [name, value] of answerFields(cors, origin, () => [...namesOf(headers), ...more])) {
    headers.add(name, value);
  }
  if (isConstant(cors) || /(?:^|,)\s*(?:\*|origin)\s*(?:,|$)/i.test(headers.get('vary') ?? '')) {
    return;
  }
  // Also where no origin asked: a cache would else give that answer to one that does.
  headers.add('vary', 'Origin');
}

/** The answer is the same for every origin, and for none. */
export function isConstant({ origins, credentials }: Cors): boolean {
  return origins.all && !credentials;
}

function originFields(cors: Cors, origin: string | undefined): Fields {
  if (isConstant(cors)) return [['access-control-allow-origin', ANY]];
  if (origin === undefined || !isOriginAllowed(cors.origins, origin)) return [];
  const fields: Fields = [['access-control-allow-origin', origin]];
  if (cors.credentials) fields.push(['access-control-allow-credentials', 'true']);
  return fields;
}

/** What was asked for is written back only where it is a list of names. */
function namesIn(list: string | undefined): string | undefined {
  return list !== undefined && TOKENS.test(list) ? list : undefined;
}

function namesOf(headers: HeaderList): readonly string[] {
  const names = new Set<string>();
  headers.forEach((name) => name === 'set-cookie' || names.add(name));
  return [...names];
}
