import type { HTTPRouteFilter, HTTPRouteMatch, HTTPRouteRule } from '#contracts/resources/index.ts';
import type { Fields } from './fields.ts';
import { type IstioAction, actionOf } from './istio-action.ts';
import type { Destinations } from './istio-destination.ts';
import { type IstioMatch, istioMatches } from './istio-match.ts';
import { type Ordered, noteOrder } from './istio-order.ts';
import { Names, nameFrom } from './names.ts';
import type { DocumentNotes } from './notes.ts';

/** One entry of `http`: undefined where it cannot be carried over. */
export interface HttpEntry {
  readonly name: string | undefined;
  readonly matches: readonly IstioMatch[];
  /** It has no `match`, and so takes everything. */
  readonly isOpen: boolean;
  readonly action: IstioAction;
  readonly at: string;
}

/** `fault` is left to the caller. */
export function readEntry(entry: Fields, where: Destinations): HttpEntry | undefined {
  const name = entry.text('name');
  const action = actionOf(entry, where);
  // What was to happen and cannot is said; how it would have been matched does not matter then.
  if (action === undefined) return undefined;
  const blocks = entry.maps('match');
  const read = blocks.flatMap(istioMatches);
  const matches = action.rewriteUri === undefined ? read : read.filter(canRewrite(entry));
  entry.skip('fault');
  entry.rest();
  if (blocks.length > 0 && matches.length === 0) return undefined;
  return { name, matches, isOpen: blocks.length === 0, action, at: entry.path };
}

function canRewrite({ notes }: Fields): (match: IstioMatch) => boolean {
  return ({ rewrites, at }) => {
    if (rewrites !== 'Unknown') return true;
    notes.lost(at, 'a prefix is replaced with its case only; the match is left out');
    return false;
  };
}

/** The rules of a gateway (or of `mesh`): what is only for others is not among them. */
export function rulesAt(
  entries: readonly HttpEntry[],
  gateway: string,
  notes: DocumentNotes,
): HTTPRouteRule[] {
  const names = new Names();
  const ordered: Ordered[] = [];
  const rules = entries.flatMap((entry) => {
    const here = entry.matches.filter(
      ({ gateways }) => gateways.length === 0 || gateways.includes(gateway),
    );
    if (!entry.isOpen && here.length === 0) return [];
    const { action } = entry;
    const leadsTo = JSON.stringify(action);
    if (entry.isOpen) ordered.push({ match: {}, at: entry.at, leadsTo });
    for (const { match, at } of here) ordered.push({ match, at, leadsTo });
    return entryRules(entry, here, notes).map((rule): HTTPRouteRule => {
      if (entry.name === undefined) return rule;
      return { name: names.unique('rule', nameFrom(entry.name, 'rule')), ...rule };
    });
  });
  noteOrder(ordered, notes);
  return rules;
}

/**
 * What a rewrite replaces depends on the match: a rule that replaces a prefix has one match only
 * (Gateway API), so that an entry may become several rules.
 */
function entryRules(
  { action, at }: HttpEntry,
  matches: readonly IstioMatch[],
  notes: DocumentNotes,
): HTTPRouteRule[] {
  const { rewriteUri } = action;
  if (rewriteUri === undefined)
    return [
      ruleOf(
        matches.map(({ match }) => match),
        action,
      ),
    ];
  const open: HTTPRouteMatch = { path: { type: 'PathPrefix', value: '/' } };
  const prefixes =
    matches.length === 0
      ? [open]
      : matches
          .filter(({ rewrites }) => rewrites === 'Prefix')
          .map(({ match }) => ({ ...open, ...match }));
  const whole = matches.filter(({ rewrites }) => rewrites === 'Path').map(({ match }) => match);
  const rules = prefixes.map((match) => {
    const prefix = match.path?.value ?? '/';
    if (prefix.endsWith('/') !== rewriteUri.endsWith('/')) {
      const message =
        `${prefix} is replaced by ${rewriteUri} as whole elements here: ` +
        'one slash follows, where Istio joins the texts as they are';
      notes.differs(`${at}.rewrite.uri`, message);
    }
    const target = rewriteUri === '/' ? '/' : rewriteUri.replace(/\/$/, '');
    return ruleOf([match], action, { type: 'ReplacePrefixMatch', replacePrefixMatch: target });
  });
  if (whole.length === 0) return rules;
  const replaced = { type: 'ReplaceFullPath', replaceFullPath: rewriteUri } as const;
  return [...rules, ruleOf(whole, action, replaced)];
}

type PathModifier = NonNullable<NonNullable<HTTPRouteFilter['urlRewrite']>['path']>;

function ruleOf(
  matches: readonly HTTPRouteMatch[],
  { rule, rewriteHost }: IstioAction,
  path?: PathModifier,
): HTTPRouteRule {
  const { filters = [], ...rest } = rule;
  const urlRewrite = {
    ...(rewriteHost === undefined ? {} : { hostname: rewriteHost }),
    ...(path === undefined ? {} : { path }),
  };
  const all: HTTPRouteFilter[] = [...filters];
  if (Object.keys(urlRewrite).length > 0) all.push({ type: 'URLRewrite', urlRewrite });
  return {
    ...(matches.length === 0 ? {} : { matches: [...matches] }),
    ...(all.length === 0 ? {} : { filters: all }),
    ...rest,
  };
}
