import type { Explanation } from '#contracts/api/explain.ts';
import { preflightReply, redirectReply } from '../answers.ts';
import { upstreamView } from '../balance.ts';
import { replyFor } from '../errors.ts';
import type { Exchange, Reply } from '../exchange.ts';
import { decideFurther } from '../route/decide.ts';
import { type Cors, answerFields, isConstant } from '../route/filters/cors.ts';
import { type FilterSet, filterRequest } from '../route/filters/filters.ts';
import type { Mirror } from '../route/filters/mirror.ts';
import type { CompiledBackend, CompiledListener, CompiledRule } from '../snapshot/compiled.ts';
import { headerEditInWords } from './words.ts';

const NO_MESH_ROUTE = 'no route of this Service matches';

type Step = Explanation['steps'][number];

/** What a rule answers itself, if it does: as the pipeline has it, before or after the policies. */
export interface OwnAnswers {
  preflight: Reply | undefined;
  redirect: Reply | undefined;
  /** In place of every backend that gets requests. */
  backends: Reply | undefined;
}

export function ownAnswers(
  rule: CompiledRule | undefined,
  exchange: Exchange,
  listener: CompiledListener | undefined,
): OwnAnswers {
  const used = rule?.backends.filter(({ weight }) => weight > 0) ?? [];
  const answers = used.map((backend) => backendAnswer(backend, exchange, listener));
  return {
    preflight: preflightReply(rule?.filters, exchange),
    redirect: redirectReply(rule?.filters, exchange, listener),
    backends: answers.includes(undefined) ? undefined : answers[0],
  };
}

/** Of a filter of its own, or of its mesh routes. */
function backendAnswer(
  backend: CompiledBackend,
  exchange: Exchange,
  listener: CompiledListener | undefined,
): Reply | undefined {
  const { valid, filters } = backend;
  if (!valid || filters.length === 0) return undefined;
  const moved = redirectReply(filters.at(-1), exchange, listener);
  if (moved !== undefined || listener === undefined) return moved;
  const [match, view] = further(backend, exchange);
  if (match === 'none') return replyFor('no_route', NO_MESH_ROUTE);
  if (match === undefined) return undefined;
  const { filters: set, backends } = match.leadsTo;
  const own = preflightReply(set, view) ?? redirectReply(set, view, listener);
  const leads = backends.some((each) => each.weight > 0 && each.valid && each.isForGateways);
  return own ?? (leads ? undefined : replyFor('invalid_backend'));
}

/** Before any policy: what pages of other origins get to see. */
export function corsSteps(
  filters: FilterSet | undefined,
  exchange: Exchange,
  { preflight }: OwnAnswers,
): Step[] {
  if (filters?.cors === undefined) return [];
  const effect =
    preflight === undefined
      ? sharingInWords(filters.cors, exchange)
      : `answers the preflight: ${fieldsInWords(preflight)}`;
  return [{ phase: 'route', name: 'CORS', effect }];
}

/** After all policies, in place of a backend. */
export function redirectSteps({ redirect }: OwnAnswers): Step[] {
  if (redirect === undefined) return [];
  return [{ phase: 'balance', name: 'RequestRedirect', effect: redirectInWords(redirect) }];
}

/** Of each filter that acts on what a backend gets and answers, in their order. */
export function backendSteps(
  rule: CompiledRule,
  given: Exchange,
  listener: CompiledListener | undefined,
): Step[] {
  const shared = setSteps(rule.filters, filtered(given, []), '');
  const own = rule.backends.flatMap((backend) => {
    const set = backend.filters.find((each) => each !== rule.filters);
    const before = backend.filters.filter((each) => each !== set);
    const where = `, for ${backend.label}`;
    const moved = redirectReply(set, given, listener);
    const steps = setSteps(set, filtered(given, before), where);
    if (moved !== undefined) {
      const effect = redirectInWords(moved) + where;
      steps.push({ phase: 'balance', name: 'RequestRedirect', effect });
    }
    return steps;
  });
  const further =
    listener === undefined ? [] : rule.backends.flatMap((backend) => furtherStep(backend, given));
  return [...shared, ...own, ...further];
}

/** A backend that gets requests, and its share of those of the rule, 0 to 1. */
export interface Share {
  backend: CompiledBackend;
  share: number;
}

/** Of each backend; where mesh routes decide in its place, of those of their rule. */
export function sharesOf(
  rule: CompiledRule,
  given: Exchange,
  listener: CompiledListener | undefined,
): Share[] {
  return ownShares(rule).flatMap(({ backend, share }) => {
    const [match] = listener === undefined ? [undefined] : further(backend, given);
    if (match === undefined || match === 'none') return [{ backend, share }];
    return ownShares(match.leadsTo).map((each) => ({ ...each, share: share * each.share }));
  });
}

function ownShares({ backends, weightSum }: CompiledRule): Share[] {
  return backends.map((backend) => ({
    backend,
    share: weightSum === 0 ? 0 : backend.weight / weightSum,
  }));
}

/** A copy of the exchange as these filters leave it. */
function filtered(given: Exchange, sets: readonly FilterSet[]): Exchange {
  const exchange = { ...given, upstreamHeaders: given.upstreamHeaders.clone() };
  filterRequest(sets, exchange);
  return exchange;
}

function setSteps(set: FilterSet | undefined, exchange: Exchange, where: string): Step[] {
  if (set === undefined) return [];
  const steps: Step[] = [];
  const add = (name: string, effect: string): void => {
    steps.push({ phase: 'forward', name, effect: effect + where });
  };
  const { requestHeaders, responseHeaders, rewrite, mirrors } = set;
  if (requestHeaders !== undefined) add('RequestHeaderModifier', headerEditInWords(requestHeaders));
  if (rewrite !== undefined) {
    const { upstreamPath, upstreamHeaders, request } = filtered(exchange, [set]);
    const parts = [
      ...(rewrite.path === undefined ? [] : [`path ${(upstreamPath ?? '') + request.query}`]),
      ...(rewrite.hostname === undefined ? [] : [`host ${upstreamHeaders.get('host') ?? ''}`]),
    ];
    add('URLRewrite', `asks the backend for ${parts.join(', ')}`);
  }
  for (const mirror of mirrors) add('RequestMirror', mirrorInWords(mirror));
  if (responseHeaders !== undefined) {
    add('ResponseHeaderModifier', headerEditInWords(responseHeaders));
  }
  return steps;
}

/** The mesh rule that decides in place of the backend itself, and what it decides on. */
function further({ filters, service, port }: CompiledBackend, given: Exchange) {
  if (!filters.some(({ obeysMeshRoutes }) => obeysMeshRoutes)) return [undefined, given] as const;
  const exchange = filtered(given, filters);
  const view = upstreamView(exchange);
  return [decideFurther(given.snapshot, service, port, view), exchange] as const;
}

function furtherStep(backend: CompiledBackend, given: Exchange): Step[] {
  const { filters, label } = backend;
  if (!filters.some(({ obeysMeshRoutes }) => obeysMeshRoutes)) return [];
  const [match] = further(backend, given);
  const step = (effect: string): Step[] => [{ phase: 'balance', name: 'MeshRoutes', effect }];
  if (match === undefined) return step(`${label} has no mesh routes: it gets the request itself`);
  if (match === 'none') return step(`no mesh route of ${label} matches`);
  const { route, rule, backends } = match.leadsTo;
  const names = backends.filter(({ weight }) => weight > 0).map((each) => each.label);
  const where = names.length === 0 ? 'answers itself' : `goes to ${names.join(' or ')}`;
  return step(`${label} has rule ${rule} of ${route}, which ${where}`);
}

function sharingInWords(cors: Cors, { request }: Exchange): string {
  const origin = request.headers.get('origin');
  if (isConstant(cors)) return 'shares the answer with pages of every origin';
  if (origin === undefined) return 'no page asks: the answer says that it varies by Origin';
  return answerFields(cors, origin, () => []).length === 0
    ? `does not share the answer with pages of ${origin}`
    : `shares the answer with pages of ${origin}`;
}

function fieldsInWords({ headers = [] }: Reply): string {
  return headers.map(([name, value]) => `${name}: ${value}`).join(', ');
}

function redirectInWords(reply: Reply): string {
  return `answers ${reply.status} with ${fieldsInWords(reply)}`;
}

function mirrorInWords({ label, numerator, denominator }: Mirror): string {
  const share =
    numerator >= denominator ? 'every request' : `${numerator} of ${denominator} requests`;
  return `copies ${share} to ${label}`;
}
