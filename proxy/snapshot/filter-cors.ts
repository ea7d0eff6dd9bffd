import type { CORS } from '#contracts/resources/index.ts';
import { type Cors, type OriginPattern, type Origins, readOrigin } from '../route/filters/cors.ts';
import type { Report } from './report.ts';

const ANY = '*';
const MAX_AGE_DEFAULT_S = 5;
const PORT_MAX = 65_535;

/** Gateway API's CORS filter; without origins it shares answers with nobody. */
export function compileCors(cors: CORS, at: string, report: Report): Cors {
  const { allowOrigins, allowMethods, allowHeaders, exposeHeaders, maxAge } = cors;
  for (const field of ['allowOrigins', 'allowMethods', 'allowHeaders'] as const) {
    const list: readonly string[] = cors[field] ?? [];
    if (!list.includes(ANY) || list.length === 1) continue;
    const message = `* means all: nothing else stands beside it in ${field}`;
    report.add(`${at}.${field}`, 'invalid_value', message, 'leave * or all the others out');
  }
  return Object.freeze({
    origins: compileOrigins(allowOrigins ?? [], `${at}.allowOrigins`, report),
    credentials: cors.allowCredentials === true,
    methods: fieldOf(allowMethods),
    headers: fieldOf(allowHeaders),
    expose: fieldOf(exposeHeaders),
    maxAge: String(maxAge ?? MAX_AGE_DEFAULT_S),
  });
}

function fieldOf(list: readonly string[] | undefined): string | undefined {
  if (list === undefined || list.length === 0) return undefined;
  return list.includes(ANY) ? ANY : list.join(', ');
}

function compileOrigins(list: readonly string[], at: string, report: Report): Origins {
  const exact = new Set<string>();
  const wildcards: OriginPattern[] = [];
  list.forEach((text, index) => {
    if (text === ANY) return;
    const origin = readOrigin(text);
    if (origin === undefined || Number(origin.port) < 1 || Number(origin.port) > PORT_MAX) {
      const message = `${text} is no origin`;
      report.add(
        `${at}[${index}]`,
        'invalid_value',
        message,
        'write one as https://a.example:8443',
      );
      return;
    }
    const { scheme, suffix, port, key } = origin;
    if (!suffix.startsWith(ANY)) exact.add(key);
    else wildcards.push(Object.freeze({ scheme, suffix: suffix.slice(ANY.length), port }));
  });
  return Object.freeze({ all: list.includes(ANY), exact, wildcards: Object.freeze(wildcards) });
}
