import { CONNECTION_HEADERS } from '#contracts/headers.ts';
import type { HTTPRouteFilter, HeaderModifier } from '#contracts/resources/index.ts';
import type { Fields } from './fields.ts';
import { isHostname } from './names.ts';

const LINES_MAX = 16;
const VALUE = /^[\x21-\x7e]([ \t\x21-\x7e]*[\x21-\x7e])?$/;
const NAME = /^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$/;

export interface HeaderEdits {
  readonly filters: HTTPRouteFilter[];
  /** The Host that a request is to have: a rewrite, not a header, in Gateway API. */
  readonly hostname?: string;
}

/** `headers` of a route or of a destination. */
export function headerEdits(headers: Fields | undefined): HeaderEdits {
  if (headers === undefined) return { filters: [] };
  const filters: HTTPRouteFilter[] = [];
  const request = headers.map('request');
  const hostname = request && hostOf(request);
  const requestHeaderModifier = request && modifierOf(request);
  if (requestHeaderModifier !== undefined) {
    filters.push({ type: 'RequestHeaderModifier', requestHeaderModifier });
  }
  const response = headers.map('response');
  const responseHeaderModifier = response && modifierOf(response);
  if (responseHeaderModifier !== undefined) {
    filters.push({ type: 'ResponseHeaderModifier', responseHeaderModifier });
  }
  headers.rest();
  return { filters, ...(hostname === undefined ? {} : { hostname }) };
}

function hostOf(request: Fields): string | undefined {
  const set = request.map('set');
  if (set === undefined) return undefined;
  const key = set.keys.find((name) => isHost(name));
  const host = key === undefined ? undefined : set.text(key);
  if (key === undefined || host === undefined || isHostname(host)) return host;
  set.notes.lost(set.at(key), `${host} is no DNS name`);
  return undefined;
}

function isHost(name: string): boolean {
  return [':authority', 'host'].includes(name.toLowerCase());
}

function modifierOf(fields: Fields): HeaderModifier | undefined {
  const isRequest = fields.path.endsWith('.request');
  const set = linesOf(fields.map('set'), isRequest);
  const add = linesOf(fields.map('add'), false);
  const remove = fields
    .texts('remove')
    .filter((name) => isAllowed(name, fields.at('remove'), fields));
  fields.rest();
  if (set.length + add.length + remove.length === 0) return undefined;
  return {
    ...(set.length === 0 ? {} : { set: atMost(set, fields.at('set'), fields) }),
    ...(add.length === 0 ? {} : { add: atMost(add, fields.at('add'), fields) }),
    ...(remove.length === 0 ? {} : { remove: atMost(remove, fields.at('remove'), fields) }),
  };
}

function linesOf(
  fields: Fields | undefined,
  hostIsRead: boolean,
): { name: string; value: string }[] {
  return (fields?.keys ?? []).flatMap((name) => {
    if (fields === undefined || (hostIsRead && isHost(name))) return [];
    const at = fields.at(name);
    const value = fields.text(name) ?? '';
    if (!isAllowed(name, at, fields)) return [];
    if (VALUE.test(value) && !/%[A-Z_]+[(%]/.test(value)) return [{ name, value }];
    fields.notes.lost(at, `${JSON.stringify(value)} cannot be the value of a header filter`);
    return [];
  });
}

function isAllowed(name: string, at: string, { notes }: Fields): boolean {
  if (NAME.test(name) && !CONNECTION_HEADERS.has(name.toLowerCase())) return true;
  notes.lost(at, `${name} is a header that proxies themselves decide on`);
  return false;
}

function atMost<T>(list: T[], at: string, { notes }: Fields): T[] {
  if (list.length > LINES_MAX) notes.lost(at, `a filter has ${LINES_MAX} of these at most`);
  return list.slice(0, LINES_MAX);
}
