import { hash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '#platform/clock.ts';
import type { AttemptResult, Reply } from '#proxy/exchange.ts';
import { HeaderList } from '#proxy/headers.ts';
import { apiKeyGate } from '#proxy/policy/api-key/gate.ts';
import type { ApiKeyConfig } from '#proxy/policy/api-key/config.ts';
import { Circuit } from '#proxy/policy/circuit/circuit.ts';
import { drawFault } from '#proxy/policy/fault/fault.ts';
import { type Permit, authorize, isReply } from '#proxy/policy/permit.ts';
import { RetryBudget } from '#proxy/policy/retry/budget.ts';
import { RETRY_DEFAULT, type RetryCondition } from '#proxy/policy/retry/config.ts';
import { retryReason } from '#proxy/policy/retry/retry.ts';
import { TIMER_MAX_MS } from '#proxy/policy/timeout/config.ts';
import {
  attemptLimits,
  headTimeoutMs,
  inboundHeadTimeoutMs,
} from '#proxy/policy/timeout/limits.ts';
import type { Security } from '#proxy/snapshot/compiled.ts';
import { NOW_MS, World, exchange, own } from '../support/world.ts';

const security = (more: Partial<Security>): Security => ({
  authentication: [],
  limits: [],
  unavailable: [],
  ...more,
});

describe('api-key', () => {
  const credential = (id: string, key: string, expires?: string) => ({
    type: 'APIKey',
    id,
    sha256: hash('sha256', key),
    ...(expires === undefined ? {} : { expires }),
  });
  const world = new World(
    own('Consumer', 'acme', {
      credentials: [credential('a', 'good'), credential('b', 'old', '2026-01-01T01:00:00Z')],
    }),
    own('Consumer', 'bank/zeta', { credentials: [credential('a', 'elsewhere')] }),
  );
  const config: ApiKeyConfig = {
    policy: 'AuthenticationPolicy/shop/keys',
    namespace: 'shop',
    headers: ['x-api-key', 'x-other'],
    required: true,
  };
  const clock = new FakeClock(NOW_MS);
  const gate = apiKeyGate({ clock, workers: 1 });
  const ask = (headers: object, more: Partial<ApiKeyConfig> = {}) => {
    const asked = exchange(world.snapshot, { headers });
    const level = security({ authentication: [{ ...config, ...more }] });
    return { asked, reply: gate.act(asked, [level]) };
  };

  it('a good key names its Consumer and is not forwarded', () => {
    const { asked, reply } = ask({ 'X-API-Key': 'good', accept: 'a' });
    expect(reply).toBeUndefined();
    expect(asked.consumer).toBe('shop/acme');
    expect(asked.upstreamHeaders.get('x-api-key')).toBeUndefined();
    expect(asked.upstreamHeaders.get('x-windrose-consumer')).toBe('shop/acme');
    expect(asked.request.headers.get('x-api-key')).toBe('good');
  });

  it('the second header may carry it too', () => {
    expect(ask({ 'x-other': 'good' }).reply).toBeUndefined();
  });

  it.each([
    ['none', {}],
    ['an unknown one', { 'x-api-key': 'bad' }],
    ['one of another namespace', { 'x-api-key': 'elsewhere' }],
    ['an endless one', { 'x-api-key': 'x'.repeat(2_000) }],
    ['an empty one', { 'x-api-key': '' }],
  ])('refuses %s with 401 and a challenge', (_, headers) => {
    const { asked, reply } = ask(headers);
    expect(reply).toMatchObject({ reason: 'unauthenticated', status: 401 });
    expect(reply?.headers).toEqual([['www-authenticate', 'ApiKey header="x-api-key"']]);
    expect(asked.consumer).toBe('');
  });

  it('refuses two of them, also when both are good (SAFETY.md class 6)', () => {
    const asked = exchange(world.snapshot, { headers: { 'x-api-key': 'good' } });
    asked.request.headers.add('X-Api-Key', 'good');
    const reply = gate.act(asked, [security({ authentication: [config] })]);
    expect(reply?.reason).toBe('unauthenticated');
  });

  it('a key works until it expires, also when its hash is remembered', () => {
    expect(ask({ 'x-api-key': 'old' }).reply).toBeUndefined();
    clock.advance(3_600_000);
    expect(ask({ 'x-api-key': 'old' }).reply?.message).toBe('this API key has expired');
  });

  it('required: false lets nobody pass as nobody, and a wrong key not at all', () => {
    expect(ask({}, { required: false }).reply).toBeUndefined();
    expect(ask({ 'x-api-key': 'bad' }, { required: false }).reply?.status).toBe(401);
  });

  it('every level has to agree', () => {
    const asked = exchange(world.snapshot, { headers: { 'x-api-key': 'good' } });
    const strict = security({ authentication: [{ ...config, headers: ['x-missing'] }] });
    const levels = [security({ authentication: [config] }), strict];
    expect(gate.act(asked, levels)?.status).toBe(401);
  });

  it('a lost security policy closes its target', () => {
    const asked = exchange(world.snapshot);
    const lost = security({ unavailable: ['RateLimitPolicy/shop/x'] });
    const answer = authorize([], asked, [lost]);
    expect(answer).toMatchObject({ reason: 'policy_unavailable', status: 503 });
    expect(isReply(authorize([], asked, [security({})]))).toBe(false);
  });
});

describe('Permit', () => {
  it('cannot be made by anybody but authorize: the next line must not compile', () => {
    const asked = exchange(new World().snapshot);
    // @ts-expect-error a permit has a brand that only proxy/policy/permit.ts can give
    const forged: Permit = { exchange: asked };
    expect(forged.exchange).toBe(asked);
  });
});

describe('fault', () => {
  const config = {
    policy: 'FaultPolicy/shop/f' as const,
    expiresMs: NOW_MS,
    abort: { share: 0.5, status: 503 },
    delay: { share: 0.25, delayMs: 100 },
  };

  it('draws delay and abort on their own', () => {
    const draw = (...numbers: number[]) =>
      drawFault(config, NOW_MS - 1, () => numbers.shift() ?? 1);
    expect(draw(0.2, 0.4)).toEqual({ delayMs: 100, abortStatus: 503 });
    expect(draw(0.25, 0.4)).toEqual({ delayMs: 0, abortStatus: 503 });
    expect(draw(0.2, 0.5)).toEqual({ delayMs: 100, abortStatus: undefined });
    expect(draw(0.25, 0.5)).toBeUndefined();
  });

  it('does nothing from its expiry on', () => {
    expect(drawFault(config, NOW_MS, () => 0)).toBeUndefined();
  });
});

describe('circuit', () => {
  it('lets in as many as there are places, divided over workers and rounded up', () => {
    const circuit = new Circuit();
    expect([1, 2, 3].map(() => circuit.enter(3, 2))).toEqual([true, true, false]);
    circuit.leave();
    expect(circuit.enter(3, 2)).toBe(true);
  });
});

describe('retry', () => {
  const all: RetryCondition[] = ['ConnectFailure', 'Reset', '502', '503', '504'];
  const config = { ...RETRY_DEFAULT, on: new Set(all) };
  const body = { discard: () => undefined };
  const head = (status: number): AttemptResult => ({
    kind: 'head',
    status,
    headers: new HeaderList(),
    body,
  });
  const failed = (reason: Reply['reason'], sent: boolean): AttemptResult => ({
    kind: 'failed',
    reason,
    sent,
    message: '',
  });
  const get = { method: 'GET', hasBody: false };
  const post = { method: 'POST', hasBody: true };

  it.each<[string, AttemptResult, typeof get, RetryCondition | undefined]>([
    ['refused', failed('upstream_refused', false), get, 'ConnectFailure'],
    ['refused, unsent, with a body', failed('upstream_refused', false), post, 'ConnectFailure'],
    ['reset', failed('upstream_reset', true), get, 'Reset'],
    ['reset after it was sent', failed('upstream_reset', true), post, undefined],
    [
      'reset, PUT with a body',
      failed('upstream_reset', true),
      { method: 'PUT', hasBody: true },
      undefined,
    ],
    [
      'POST without a body',
      failed('upstream_reset', true),
      { method: 'POST', hasBody: false },
      undefined,
    ],
    ['503', head(503), get, '503'],
    ['503 to a POST', head(503), post, undefined],
    ['500', head(500), get, undefined],
    ['timed out', failed('upstream_timeout', true), get, '504'],
    ['invalid', failed('upstream_invalid', true), get, undefined],
    ['client gone', failed('client_closed', false), get, undefined],
  ])('%s', (_, result, request, reason) => {
    expect(retryReason(result, request, config)).toBe(reason);
  });

  it('by default only connecting and resets are tried again', () => {
    expect(retryReason(head(503), get, RETRY_DEFAULT)).toBeUndefined();
    expect(retryReason(failed('upstream_timeout', true), get, RETRY_DEFAULT)).toBeUndefined();
  });
});

describe('retry budget', () => {
  const config = { ...RETRY_DEFAULT, budgetShare: 0.2, budgetMinPerSecond: 1 };
  const takeAll = (budget: RetryBudget, nowMs: number): number => {
    let taken = 0;
    while (taken < 10_000 && budget.take(config, 1, nowMs)) taken++;
    return taken;
  };

  it('allows a share of the requests of the last ten seconds (F24)', () => {
    const budget = new RetryBudget();
    for (let i = 0; i < 1_000; i++) budget.noteRequest(i * 9);
    expect(takeAll(budget, 9_000)).toBe(200);
    expect(takeAll(budget, 9_900)).toBe(0);
  });

  it('allows a few a second where there is little traffic, shared by workers', () => {
    const budget = new RetryBudget();
    expect(takeAll(budget, 0)).toBe(10);
    expect(new RetryBudget().take({ ...config, budgetMinPerSecond: 0 }, 1, 0)).toBe(false);
    const shared = new RetryBudget();
    let taken = 0;
    while (shared.take(config, 5, 0)) taken++;
    expect(taken).toBe(2);
  });

  it('forgets after ten seconds, and after any pause', () => {
    const budget = new RetryBudget();
    for (let i = 0; i < 100; i++) budget.noteRequest(0);
    expect(takeAll(budget, 5_000)).toBe(20);
    expect(takeAll(budget, 14_999)).toBe(0);
    expect(takeAll(budget, 15_000)).toBe(10);
    expect(takeAll(budget, 10_000_000)).toBe(10);
  });
});

describe('time-outs', () => {
  const none = { requestMs: undefined, backendRequestMs: undefined };
  const service = { connectMs: 5_000, responseHeadMs: undefined };

  it('a head has 15 s unless the Service or the route says otherwise', () => {
    const slow = { ...service, responseHeadMs: 60_000 };
    expect(headTimeoutMs(none, service)).toBe(15_000);
    expect(headTimeoutMs(none, slow)).toBe(60_000);
    expect(headTimeoutMs({ ...none, backendRequestMs: 100 }, slow)).toBe(100);
    expect(headTimeoutMs({ ...none, requestMs: 90_000 }, service)).toBe(Number.POSITIVE_INFINITY);
    expect(headTimeoutMs({ ...none, requestMs: 90_000 }, slow)).toBe(60_000);
  });

  it('the head of a call of gRPC has as long as the call says, else five minutes', () => {
    const endless = Number.POSITIVE_INFINITY;
    const silent = { isGrpc: true, deadlineMs: endless };
    const bounded = { isGrpc: true, deadlineMs: 1_000_000 };
    expect(headTimeoutMs(none, service, silent)).toBe(300_000);
    expect(headTimeoutMs(none, service, bounded)).toBe(endless);
    expect(attemptLimits(headTimeoutMs(none, service, bounded), 5_000, 600_000)).toMatchObject({
      ...{ connectTimeoutMs: 5_000, headTimeoutMs: 600_000 },
    });
    expect(headTimeoutMs(none, { ...service, responseHeadMs: 3_000 }, bounded)).toBe(3_000);
    expect(headTimeoutMs({ ...none, backendRequestMs: 100 }, service, bounded)).toBe(100);
    // A deadline that a proxy before this one set bounds other requests, and lengthens nothing.
    expect(headTimeoutMs(none, service, { ...bounded, isGrpc: false })).toBe(15_000);
    for (const fromMesh of [true, false]) {
      expect(inboundHeadTimeoutMs(service, fromMesh, silent)).toBe(300_000);
      expect(inboundHeadTimeoutMs(service, fromMesh, bounded)).toBe(endless);
    }
  });

  it('a try stays within what is left, and within what a timer can hold', () => {
    expect(attemptLimits(15_000, 5_000, 300)).toEqual({
      connectTimeoutMs: 300,
      headTimeoutMs: 300,
    });
    const endless = Number.POSITIVE_INFINITY;
    expect(attemptLimits(endless, 5_000, endless)).toEqual({
      connectTimeoutMs: 5_000,
      headTimeoutMs: TIMER_MAX_MS,
    });
  });

  it('inbound leaves the time-out to a caller of the mesh, and is not below its own', () => {
    expect(inboundHeadTimeoutMs(service, true)).toBe(300_000);
    const endless = Number.POSITIVE_INFINITY;
    const bounded = { isGrpc: false, deadlineMs: 900_000 };
    expect(inboundHeadTimeoutMs(service, true, bounded)).toBe(endless);
    expect(inboundHeadTimeoutMs(service, false, bounded)).toBe(15_000);
    expect(inboundHeadTimeoutMs(service, false)).toBe(15_000);
    expect(inboundHeadTimeoutMs({ ...service, responseHeadMs: 60_000 }, false)).toBe(60_000);
  });
});
