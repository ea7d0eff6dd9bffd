import type { CORS } from '#contracts/resources/index.ts';
import type { Fields } from './fields.ts';
import { corsMethods, corsOrigins } from './cors.ts';

/** What ingress-nginx says where annotations do not. */
const METHODS = 'GET, PUT, POST, DELETE, PATCH, OPTIONS';
const HEADERS =
  'DNT, Keep-Alive, User-Agent, X-Requested-With, If-Modified-Since, Cache-Control, ' +
  'Content-Type, Range, Authorization';
const MAX_AGE = '1728000';

/** The `enable-cors` family; undefined when it is not enabled. */
export function nginxCors(annotations: Fields, prefix: string): CORS | undefined {
  const read = (name: string): string | undefined => annotations.text(`${prefix}${name}`);
  const isEnabled = read('enable-cors') === 'true';
  const written = list(read('cors-allow-origin') ?? '*');
  const methods = list(read('cors-allow-methods') ?? METHODS);
  const allowHeaders = list(read('cors-allow-headers') ?? HEADERS);
  const exposeHeaders = list(read('cors-expose-headers') ?? '');
  const maxAge = Number(read('cors-max-age') ?? MAX_AGE);
  const allowCredentials = read('cors-allow-credentials') !== 'false';
  if (!isEnabled) return undefined;
  const { notes } = annotations;
  const at = (name: string): string => annotations.at(`${prefix}${name}`);
  return {
    allowOrigins: corsOrigins(written, at('cors-allow-origin'), notes),
    allowCredentials,
    allowMethods: corsMethods(methods, at('cors-allow-methods'), notes),
    allowHeaders,
    ...(exposeHeaders.length === 0 ? {} : { exposeHeaders }),
    ...(Number.isInteger(maxAge) && maxAge > 0 ? { maxAge } : {}),
  };
}

function list(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}
