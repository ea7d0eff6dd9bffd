import type { ExplainRequest } from '#contracts/api/config.ts';
import type { Explanation } from '#contracts/api/explain.ts';
import { formatRevision } from '#contracts/revision.ts';
import type { Clock } from '#platform/clock.ts';
import { type Cause, ERRORS } from '../errors.ts';
import { type Exchange, type Reply, detachedExchange } from '../exchange.ts';
import type { Refusal } from '../listener/refusal.ts';
import type { Gate } from '../policy/gate.ts';
import { authorize, isReply, limit } from '../policy/permit.ts';
import { GATES } from '../policy/registry.ts';
import { type Decision, decide } from '../route/decide.ts';
import { describeMatch } from '../route/match.ts';
import type { Loser } from '../route/path-table.ts';
import type {
  CompiledRule,
  CompiledService,
  CompiledSnapshot,
  ListenerSpec,
  Security,
} from '../snapshot/compiled.ts';
import { endpointName } from '../upstream/addresses.ts';
import type { EndpointView } from '../upstream/view.ts';
import { listenerInWords, sidecarInWords } from './listener.ts';
import { readExplainRequest } from './request.ts';
import { balancingInWords, faultInWords, forwardingInWords, headerEditInWords } from './words.ts';

export interface ExplainDeps {
  /** Wall clock, ms: keys and faults expire. */
  wallMs: number;
  /** A service's endpoints where they are known; else those declared are shown. */
  endpoints?: (service: string) => readonly EndpointView[];
  /** `namespace/name` of the Gateways to ask; all of them when it is absent. */
  gateways?: readonly string[];
}

const LOST_MAX = 10;

/** What a request would meet, decided by the very code that serves. Limits count as unused. */
export function explain(
  snapshot: CompiledSnapshot,
  request: ExplainRequest,
  deps: ExplainDeps,
): Explanation {
  const read = readExplainRequest(snapshot, request, deps.gateways);
  if (!read.ok) return unreadable(snapshot, request, read);
  const { view, sockets } = read;
  const losers: Loser<CompiledRule>[] = [];
  const decision = decide({ snapshot, sockets, service: request.from, request: view, losers });
  const exchange = detachedExchange(view, snapshot, sourceOf(decision, request.from));
  const gates = GATES.map((create) => create({ clock: stillClock(deps.wallMs), workers: 1 }));
  const work = new Explainer(decision, exchange, gates, deps);
  return {
    revision: formatRevision(snapshot.revision),
    direction: view.direction,
    listener: listenerOf(decision, view.listener),
    host: view.host,
    path: view.path,
    ...(decision.kind === 'rule' ? { match: matchOf(decision) } : {}),
    lost: losers.slice(0, LOST_MAX).map(({ match, why }) => ({
      route: match.leadsTo.route,
      rule: match.leadsTo.rule,
      why,
    })),
    ...work.explain(),
  };
}

class Explainer {
  readonly #steps: Explanation['steps'] = [];
  readonly #decision: Decision;
  readonly #exchange: Exchange;
  readonly #gates: readonly Gate[];
  readonly #deps: ExplainDeps;

  constructor(decision: Decision, exchange: Exchange, gates: readonly Gate[], deps: ExplainDeps) {
    this.#decision = decision;
    this.#exchange = exchange;
    this.#gates = gates;
    this.#deps = deps;
  }

  explain(): Pick<Explanation, 'steps' | 'backends' | 'outcome'> {
    const decision = this.#decision;
    const listener =
      decision.kind === 'rule' || decision.kind === 'none' ? decision.listener : undefined;
    if (listener !== undefined) this.#parsing(listener.spec);
    if (decision.kind === 'none') {
      const outcome = answer(decision.reason, decision.message);
      return { steps: this.#steps, backends: [], outcome };
    }
    const rule = decision.kind === 'rule' ? decision.match.leadsTo : undefined;
    const levels = [listener?.security, rule?.security].filter((level) => level !== undefined);
    const refusal = this.#guard(levels, '');
    const services = this.#services(rule);
    const called = decision.service;
    const calleeRefusal = [called, ...services]
      .filter((service, at, all) => service !== undefined && all.indexOf(service) === at)
      .flatMap((service) => this.#callee(service) ?? [])[0];
    for (const edit of rule?.requestHeaders ?? []) {
      this.#step('forward', 'RequestHeaderModifier', headerEditInWords(edit));
    }
    for (const edit of rule?.responseHeaders ?? []) {
      this.#step('forward', 'ResponseHeaderModifier', headerEditInWords(edit));
    }
    this.#balancing(called, services, rule);
    const backends = this.#backends(rule, services);
    const outcome = this.#outcome(refusal ?? calleeRefusal, backends, rule);
    return { steps: this.#steps, backends, outcome };
  }

  /** What its listener's policy allows or forbids before the request is routed. */
  #parsing(spec: ListenerSpec): void {
    const { policy } = spec.settings;
    const { listeners } = this.#exchange.snapshot;
    for (const effect of listenerInWords(spec, listeners)) {
      this.#step('parse', policy ?? spec.name, effect);
    }
  }

  #services(rule: CompiledRule | undefined): CompiledService[] {
    const decision = this.#decision;
    if (decision.kind === 'service') return [decision.service];
    const { services } = this.#exchange.snapshot;
    return (rule?.backends ?? []).flatMap(({ service }) => services.get(service) ?? []);
  }

  /** Describes security policies and runs them; the refusal, if there is one. */
  #guard(levels: readonly Security[], where: string): Reply | undefined {
    for (const { unavailable } of levels) {
      for (const policy of unavailable)
        this.#step('authorize', policy, 'cannot be applied: closed');
    }
    for (const gate of this.#gates) {
      for (const { policy, effect } of gate.describe(levels)) {
        this.#step(gate.phase, policy, `${effect}${where}`);
      }
    }
    const permit = authorize(this.#gates, this.#exchange, levels);
    return isReply(permit) ? permit : limit(this.#gates, permit, levels);
  }

  #callee(service: CompiledService | undefined): Reply | undefined {
    if (service === undefined) return undefined;
    const { name, listener, security } = service;
    const effect = listener.policy === undefined ? '' : sidecarInWords(service);
    if (effect !== '') {
      this.#step('parse', listener.policy ?? name, `${effect}, at the sidecar of ${name}`);
    }
    return this.#guard([security], `, at the sidecar of ${name} or before it`);
  }

  #balancing(
    called: CompiledService | undefined,
    services: readonly CompiledService[],
    rule: CompiledRule | undefined,
  ): void {
    const { wallMs } = this.#deps;
    for (const service of new Set([...(called === undefined ? [] : [called]), ...services])) {
      const { fault } = service;
      if (fault !== undefined) this.#step('balance', fault.policy, faultInWords(fault, wallMs));
    }
    for (const service of new Set(services)) {
      this.#step('balance', service.name, balancingInWords(service));
      this.#step('forward', service.name, forwardingInWords(service, rule, this.#exchange.isGrpc));
    }
  }

  #backends(
    rule: CompiledRule | undefined,
    services: readonly CompiledService[],
  ): Explanation['backends'] {
    const decision = this.#decision;
    if (decision.kind === 'service') {
      const label = `${decision.service.name}:${decision.port}`;
      const endpoints = services.flatMap((service) => this.#endpoints(service, decision.port));
      return [{ backend: label, weight: 1, share: 1, endpoints }];
    }
    if (rule === undefined) return [];
    return rule.backends.map(({ service: name, port, label, weight }) => {
      const service = services.find((each) => each.name === name);
      return {
        backend: label,
        weight,
        share: rule.weightSum === 0 ? 0 : weight / rule.weightSum,
        endpoints: service === undefined ? [] : this.#endpoints(service, port),
      };
    });
  }

  #endpoints(service: CompiledService, port: number): Explanation['backends'][number]['endpoints'] {
    const known = this.#deps.endpoints?.(service.name);
    if (known !== undefined) {
      return known.map((endpoint) => ({
        address: endpointName(endpoint),
        proxy: endpoint.proxy,
        state: endpoint.state,
      }));
    }
    const portName = service.ports.find((each) => each.port === port)?.name ?? '';
    return service.declared
      .filter((endpoint) => endpoint.portName === portName)
      .map((endpoint) => ({ address: endpointName(endpoint), proxy: '', state: 'unknown' }));
  }

  #outcome(
    refusal: Reply | undefined,
    backends: Explanation['backends'],
    rule: CompiledRule | undefined,
  ): Explanation['outcome'] {
    if (refusal !== undefined) {
      const { reason, status, message } = refusal;
      return { forwarded: false, status, reason, message };
    }
    if (rule !== undefined && rule.weightSum === 0) {
      return answer('invalid_backend', 'the rule has no backend that gets requests');
    }
    const used = backends.filter(({ share }) => share > 0);
    const isInvalid = rule?.backends.every(({ weight, valid }) => weight === 0 || !valid) === true;
    if (isInvalid) return answer('invalid_backend', 'no backend of the rule is valid');
    const known = this.#deps.endpoints !== undefined;
    if (known && used.every(({ endpoints }) => endpoints.length === 0)) {
      return answer('no_endpoint', 'no backend has an endpoint');
    }
    const names = used.map(({ backend }) => backend).join(' or ');
    return { forwarded: true, message: `goes to ${names}` };
  }

  #step(phase: Explanation['steps'][number]['phase'], name: string, effect: string): void {
    this.#steps.push({ phase, name, effect });
  }
}

function matchOf({
  match,
}: Extract<Decision, { kind: 'rule' }>): NonNullable<Explanation['match']> {
  const { route, rule } = match.leadsTo;
  return { route, rule, matched: describeMatch(match) };
}

function listenerOf(decision: Decision, arrived: string): string {
  if (arrived === 'outbound') return arrived;
  const isEdge = decision.kind === 'rule' || decision.kind === 'none';
  return (isEdge ? decision.listener?.spec.name : undefined) ?? '';
}

function sourceOf(decision: Decision, from: string | undefined): string {
  if (from !== undefined) return from;
  const gateway = decision.kind === 'rule' ? decision.listener?.spec.gateway : undefined;
  return gateway === undefined ? '' : `Gateway/${gateway}`;
}

function answer(cause: Cause, message: string): Explanation['outcome'] {
  const { status, reason } = ERRORS[cause];
  return { forwarded: false, status, reason, message };
}

function unreadable(
  snapshot: CompiledSnapshot,
  request: ExplainRequest,
  { cause, message }: Refusal,
): Explanation {
  return {
    revision: formatRevision(snapshot.revision),
    direction: request.from === undefined ? 'edge' : 'outbound',
    listener: '',
    host: '',
    path: '',
    lost: [],
    steps: [],
    backends: [],
    outcome: answer(cause, message),
  };
}

/** For gates: nothing moves while one request is explained. */
function stillClock(wallMs: number): Clock {
  return {
    nowMs: () => 0,
    wallMs: () => wallMs,
    after: () => ({ cancel: () => undefined }),
  };
}
