import type { RouteResource, SessionPersistence } from '#contracts/resources/index.ts';
import { isProtectedHeader } from '../route/filters/headers.ts';
import { type SessionConfig, backendTag, digest } from '../upstream/session.ts';
import type { CompiledBackend } from './compiled.ts';
import { nameOf } from './refs.ts';
import type { Report } from './report.ts';

/** RFC 6265 section 4.1.1, path-value: nothing that ends an attribute. */
const COOKIE_PATH = /^\/[\x20-\x3a\x3c-\x7e]*$/;
/** Headers whose content other programs decide on, besides those of proxies. */
const TAKEN = new Set(['authorization', 'cookie', 'set-cookie', 'content-type', 'host']);
const MS_PER_S = 1_000;

/**
 * `sessionPersistence` of a rule (GEP-1619). Undefined where there is none, or none that can be
 * kept: requests are then balanced each for itself. `path` is the rule's.
 */
export function compileSession(
  session: SessionPersistence | undefined,
  route: RouteResource,
  rule: string,
  backends: readonly CompiledBackend[],
  path: string,
  report: Report,
): SessionConfig | undefined {
  if (session === undefined) return undefined;
  const at = `${path}.sessionPersistence`;
  const before = report.problems.length;
  const { type: carrier = 'Cookie', absoluteTimeout } = session;
  const timeoutMs =
    absoluteTimeout === undefined
      ? undefined
      : report.durationMs(`${at}.absoluteTimeout`, absoluteTimeout);
  checkCarrier(session, carrier, at, report);
  if (report.problems.length > before) return undefined;
  const timeoutS = timeoutMs === undefined ? undefined : Math.ceil(timeoutMs / MS_PER_S);
  const { name, path: cookiePath = '/', lifetimeType = 'Session' } = session.cookie ?? {};
  const lifetime =
    lifetimeType === 'Permanent' && timeoutS !== undefined ? `; Max-Age=${timeoutS}` : '';
  return Object.freeze({
    carrier,
    name: session.header?.name.toLowerCase() ?? name ?? cookieName(route, rule),
    attributes: `; Path=${cookiePath}${lifetime}; HttpOnly; SameSite=Strict`,
    timeoutS,
    tags: new Map(backends.map(({ label }) => [label, backendTag(label)])),
  });
}

/** Each rule has its own, so that a client may have sessions with several. */
function cookieName(route: RouteResource, rule: string): string {
  const hash = digest(`${route.kind} ${nameOf(route)} ${rule}`).slice(0, 8);
  return `windrose-session-${hash}`;
}

function checkCarrier(
  { absoluteTimeout, cookie, header }: SessionPersistence,
  carrier: SessionConfig['carrier'],
  at: string,
  report: Report,
): void {
  if (carrier === 'Header') {
    if (cookie !== undefined) {
      report.add(`${at}.cookie`, 'invalid_value', 'a session of type Header has no cookie');
    }
    if (header === undefined) {
      report.add(`${at}.header`, 'missing_field', 'a session of type Header needs header.name');
    } else if (isProtectedHeader(header.name) || TAKEN.has(header.name.toLowerCase())) {
      const message = `${header.name} is a header that means something else already`;
      report.add(`${at}.header.name`, 'invalid_value', message, 'name one such as x-session');
    }
    return;
  }
  if (header !== undefined) {
    const hint = 'write type: Header';
    report.add(`${at}.header`, 'invalid_value', 'a session of type Cookie has no header', hint);
  }
  if (cookie?.lifetimeType === 'Permanent' && absoluteTimeout === undefined) {
    const message = 'a permanent cookie needs to say for how long it is kept';
    report.add(`${at}.absoluteTimeout`, 'missing_field', message, 'write one such as 24h');
  }
  if (cookie?.path !== undefined && !COOKIE_PATH.test(cookie.path)) {
    const message = `${cookie.path} is no path that a cookie can have`;
    report.add(`${at}.cookie.path`, 'invalid_value', message, 'begin with a slash; no semicolon');
  }
}
