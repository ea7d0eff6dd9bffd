import type { ExplainRequest } from '#contracts/api/config.ts';
import type { Explanation } from '#contracts/api/explain.ts';
import { formatRevision } from '#contracts/revision.ts';
import { type Exchange, type Reply, detachedExchange } from '../exchange.ts';
import type { Gate } from '../policy/gate.ts';
import { authorize, isReply, limit } from '../policy/permit.ts';
import { GATES } from '../policy/registry.ts';
import { recordRulesOf } from '../policy/telemetry/of-decision.ts';
import { type Decision, decide } from '../route/decide.ts';
import { describeMatch } from '../route/match.ts';
import type { Loser } from '../route/path-table.ts';
import type {
  CompiledBackend,
  CompiledRule,
  CompiledService,
  CompiledSnapshot,
  ListenerSpec,
  Security,
} from '../snapshot/compiled.ts';
import { endpointName } from '../upstream/addresses.ts';
import type { EndpointView } from '../upstream/view.ts';
import {
  type Share,
  backendSteps,
  corsSteps,
  ownAnswers,
  redirectSteps,
  sharesOf,
} from './filters.ts';
import { listenerInWords, sidecarInWords } from './listener.ts';
import { answer, stillClock, unreadable } from './outcome.ts';
import { readExplainRequest } from './request.ts';
import {
  balancingInWords,
  faultInWords,
  forwardingInWords,
  recordingInWords,
  sessionInWords,
} from './words.ts';

export interface ExplainDeps {
  /** Wall clock, ms: keys and faults expire. */
  wallMs: number;
  /** A service's endpoints where they are known; else those declared are shown. */
  endpoints?: (service: string) => readonly EndpointView[];
  /** `namespace/name` of the Gateways to ask; all of them when it is absent. */
  gateways?: readonly string[];
}

type Of<K extends Decision['kind']> = Extract<Decision, { kind: K }>;

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
      this.#recording();
      return this.#nowhere(answer(decision.reason, decision.message));
    }
    if (decision.kind === 'outside') return this.#outside(decision);
    const rule = decision.kind === 'rule' ? decision.match.leadsTo : undefined;
    const own = ownAnswers(rule, this.#exchange, listener);
    this.#steps.push(...corsSteps(rule?.filters, this.#exchange, own));
    const levels = [listener?.security, rule?.security].filter((level) => level !== undefined);
    const refusal = this.#guard(levels, '');
    this.#steps.push(...redirectSteps(own));
    const shares = rule === undefined ? [] : sharesOf(rule, this.#exchange, listener);
    const services = this.#services(shares.map(({ backend }) => backend));
    const called = decision.service;
    const calleeRefusal = [called, ...this.#services(rule?.backends ?? []), ...services]
      .filter((service, at, all) => service !== undefined && all.indexOf(service) === at)
      .flatMap((service) => this.#callee(service) ?? [])[0];
    if (rule !== undefined) this.#steps.push(...backendSteps(rule, this.#exchange, listener));
    this.#balancing(called, services, rule);
    this.#recording();
    const backends = this.#backends(shares, services);
    const outcome = this.#outcome(
      own.preflight ?? refusal ?? own.redirect ?? own.backends ?? calleeRefusal,
      backends,
      rule,
    );
    return { steps: this.#steps, backends, outcome };
  }

  /** What its name leads to is not known before it is called. */
  #outside({ host, port }: Of<'outside'>): ReturnType<Explainer['explain']> {
    this.#step('balance', host, 'is looked up by its name; a link-local address is refused');
    const message = `goes to ${host}:${port}, which is no Service of the mesh`;
    return this.#nowhere({ forwarded: true, message });
  }

  #nowhere(outcome: Explanation['outcome']): ReturnType<Explainer['explain']> {
    return { steps: this.#steps, backends: [], outcome };
  }

  /** What its listener's policy allows or forbids before the request is routed. */
  #parsing(spec: ListenerSpec): void {
    const { policy } = spec.settings;
    const { listeners } = this.#exchange.snapshot;
    for (const effect of listenerInWords(spec, listeners)) {
      this.#step('parse', policy ?? spec.name, effect);
    }
  }

  #recording(): void {
    const records = recordRulesOf(this.#decision);
    if (records === undefined) return;
    const template = records.templates?.find(this.#exchange.request.path);
    this.#step('record', records.policy, recordingInWords(records, template));
  }

  #services(backends: readonly CompiledBackend[]): CompiledService[] {
    const decision = this.#decision;
    if (decision.kind === 'service') return [decision.service];
    const { services } = this.#exchange.snapshot;
    return backends.flatMap(({ service }) => services.get(service) ?? []);
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
    if (rule?.session !== undefined) {
      this.#step('balance', 'sessionPersistence', sessionInWords(rule.session));
    }
    for (const service of new Set(services)) {
      this.#step('balance', service.name, balancingInWords(service));
      const own = { ...this.#exchange, isGrpc: this.#isCall(service, rule) };
      this.#step('forward', service.name, forwardingInWords(service, rule, own));
    }
  }

  /** A call of gRPC-Web is one of gRPC where the chosen port speaks HTTP/2. */
  #isCall({ name, ports }: CompiledService, rule: CompiledRule | undefined): boolean {
    const { isGrpc, web } = this.#exchange;
    if (web === undefined) return isGrpc;
    if (rule?.isGrpc === true) return true;
    const decision = this.#decision;
    const backend = rule?.backends.find(({ service }) => service === name);
    const chosen = decision.kind === 'service' ? decision.port : backend?.port;
    return ports.some(({ port, isHttp2 }) => port === chosen && isHttp2);
  }

  #backends(
    shares: readonly Share[],
    services: readonly CompiledService[],
  ): Explanation['backends'] {
    const decision = this.#decision;
    if (decision.kind === 'service') {
      const label = `${decision.service.name}:${decision.port}`;
      const endpoints = services.flatMap((service) => this.#endpoints(service, decision.port));
      return [{ backend: label, weight: 1, share: 1, endpoints }];
    }
    return shares.map(({ backend: { service: name, port, label, weight }, share }) => {
      const service = services.find((each) => each.name === name);
      const endpoints = service === undefined ? [] : this.#endpoints(service, port);
      return { backend: label, weight, share, endpoints };
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
      const { reason, status, message, headers = [] } = refusal;
      const location = headers.find(([name]) => name.toLowerCase() === 'location')?.[1];
      const told = location === undefined ? message : `leads to ${location}`;
      return { forwarded: false, status, reason, message: told };
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

function matchOf({ match }: Of<'rule'>): NonNullable<Explanation['match']> {
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
