import type { HTTPRouteMatch } from '#contracts/resources/index.ts';
import { HTTP_METHODS } from '#contracts/resources/schema.ts';
import { expressionFault } from './expressions.ts';
import type { Fields } from './fields.ts';
import { type PathMatch, escapeExpression, literalPath } from './paths.ts';

type Method = (typeof HTTP_METHODS)[number];
type ValueMatches = NonNullable<HTTPRouteMatch['headers']>;

/** One block of a `match` list. */
export interface IstioMatch {
  readonly match: HTTPRouteMatch;
  /** What a rewrite replaces. `Unknown`: a prefix that no match of Gateway API has as such. */
  readonly rewrites: 'Prefix' | 'Path' | 'Unknown';
  /** Empty: at every gateway of the VirtualService. */
  readonly gateways: readonly string[];
  readonly at: string;
}

/** Conditions without an equal: without them a match would take more requests than it may. */
const NO_EQUAL: Readonly<Record<string, string>> = {
  authority: 'the host is told by hostnames of the route',
  scheme: 'the scheme is told by the listener of the Gateway',
  port: 'the port is told by `port` of parentRefs',
  sourceLabels: 'routes do not tell callers apart',
  sourceNamespace: 'routes do not tell callers apart',
  withoutHeaders: 'a match cannot ask that a header is absent',
};

/** The matches of a block: several where its methods are several; none where it is left out. */
export function istioMatches(block: Fields): IstioMatch[] {
  const { path: at, notes } = block;
  block.skip('name', 'statPrefix');
  const gateways = block.texts('gateways');
  let holds = true;
  const refuse = (field: string, message: string): void => {
    notes.lost(field, `${message}; the match is left out, as it would take more requests`);
    holds = false;
  };
  for (const [key, message] of Object.entries(NO_EQUAL)) {
    if (!block.has(key)) continue;
    block.skip(key);
    refuse(block.at(key), message);
  }
  const uri = uriMatch(block.map('uri'), block.flag('ignoreUriCase') === true);
  const headers = valueMatches(block.map('headers'));
  const queryParams = valueMatches(block.map('queryParams'));
  const methods = methodsOf(block.map('method'));
  for (const read of [uri, headers, queryParams, methods]) {
    if (!read.ok) refuse(read.at, read.message);
  }
  for (const key of block.unread) refuse(block.at(key), 'import does not know this condition');
  if (!holds || !uri.ok || !headers.ok || !queryParams.ok || !methods.ok) return [];
  const { path, rewrites, differs } = uri.value;
  if (differs !== undefined) notes.differs(block.at('uri'), differs);
  return methods.value.map((method) => ({
    match: {
      ...(path === undefined ? {} : { path }),
      ...(headers.value.length === 0 ? {} : { headers: headers.value }),
      ...(queryParams.value.length === 0 ? {} : { queryParams: queryParams.value }),
      ...(method === undefined ? {} : { method }),
    },
    rewrites,
    gateways,
    at,
  }));
}

type Read<T> = { ok: true; value: T } | { ok: false; at: string; message: string };

/** Exact, a prefix of the text, or a regular expression (RE2) for the whole text. */
interface StringMatch {
  readonly kind: 'exact' | 'prefix' | 'regex';
  readonly text: string;
  readonly at: string;
}

function stringMatch(fields: Fields): StringMatch | undefined {
  for (const kind of ['exact', 'prefix', 'regex'] as const) {
    if (fields.has(kind)) return { kind, text: fields.text(kind) ?? '', at: fields.at(kind) };
  }
  return undefined;
}

interface UriMatch {
  readonly path?: PathMatch;
  readonly rewrites: IstioMatch['rewrites'];
  readonly differs?: string;
}

function uriMatch(uri: Fields | undefined, ignoreCase: boolean): Read<UriMatch> {
  const read = uri && stringMatch(uri);
  if (read === undefined) return { ok: true, value: { rewrites: 'Prefix' } };
  const { kind, text, at } = read;
  if (kind === 'regex') return expression(text, at, 'Path');
  if (ignoreCase) {
    const insensitive = `(?i)${escapeExpression(text)}`;
    if (kind === 'exact') return expression(insensitive, at, 'Path');
    return expression(`${insensitive}.*`, at, 'Unknown');
  }
  const literal = literalPath(kind === 'exact' ? 'Exact' : 'PathPrefix', text);
  if (!literal.ok) return { ok: false, at, message: literal.message };
  const path = literal.match;
  if (kind === 'exact') return { ok: true, value: { path, rewrites: 'Path' } };
  if (text === '/') return { ok: true, value: { path, rewrites: 'Prefix' } };
  const how = text.endsWith('/')
    ? `also matches ${text.slice(0, -1)} here`
    : `matches whole elements here, so not ${text}x`;
  const expressed = `RegularExpression ${escapeExpression(text)}.*`;
  const differs = `the prefix ${text} ${how}; where that matters, write ${expressed}`;
  return { ok: true, value: { path, rewrites: 'Prefix', differs } };
}

function expression(value: string, at: string, rewrites: IstioMatch['rewrites']): Read<UriMatch> {
  const message = expressionFault(value);
  if (message !== undefined) return { ok: false, at, message: `${value}: ${message}` };
  return { ok: true, value: { path: { type: 'RegularExpression', value }, rewrites } };
}

/** Headers or query parameters. Without a condition it is enough that the name is there. */
function valueMatches(fields: Fields | undefined): Read<ValueMatches> {
  const value: ValueMatches = [];
  for (const name of fields?.keys ?? []) {
    const at = fields?.at(name) ?? '';
    if (!/^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$/.test(name)) {
      return { ok: false, at, message: `${name} is no name that a match can have` };
    }
    const own = fields?.map(name);
    const read = own && stringMatch(own);
    if (read === undefined) {
      value.push({ type: 'RegularExpression', name, value: '.*' });
      continue;
    }
    const { kind, text } = read;
    if (kind === 'exact' && text !== '') {
      value.push({ type: 'Exact', name, value: text });
      continue;
    }
    const source = { exact: '^$', prefix: `${escapeExpression(text)}.*`, regex: text }[kind];
    const message = expressionFault(source);
    if (message !== undefined) return { ok: false, at, message: `${source}: ${message}` };
    value.push({ type: 'RegularExpression', name, value: source });
  }
  return { ok: true, value };
}

/** Methods by name; an expression only where it is a list such as `GET|HEAD`. */
function methodsOf(method: Fields | undefined): Read<(Method | undefined)[]> {
  const read = method && stringMatch(method);
  if (read === undefined) return { ok: true, value: [undefined] };
  const { kind, text, at } = read;
  const names = kind === 'regex' ? text.replace(/^\^?\(?|\)?\$?$/g, '').split('|') : [text];
  const known = HTTP_METHODS.filter((name) => names.includes(name));
  if (kind !== 'prefix' && known.length === names.length) return { ok: true, value: known };
  return { ok: false, at, message: `a match has methods of the standard by name, not ${text}` };
}
