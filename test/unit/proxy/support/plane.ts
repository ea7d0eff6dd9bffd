import type { Endpoint } from '#contracts/events.ts';
import { FakeClock } from '#platform/clock.ts';
import { DataPlane, type DataPlaneOptions, type Outcome } from '#proxy/dataplane.ts';
import type { Attempt, AttemptLimits, AttemptResult, Exchange } from '#proxy/exchange.ts';
import { HeaderList } from '#proxy/headers.ts';
import type { CompiledSnapshot } from '#proxy/pure.ts';
import { NOW_MS, exchange, type request, seeded } from './world.ts';

/** One try as the upstream saw it. */
export interface Try {
  endpoint: Endpoint;
  limits: AttemptLimits;
  headers: HeaderList;
}

export type Answer = AttemptResult | ((tried: Try) => AttemptResult | Promise<AttemptResult>);

export function head(status = 200, headers: Record<string, string> = {}): AttemptResult {
  const list = new HeaderList();
  for (const [name, value] of Object.entries(headers)) list.add(name, value);
  return { kind: 'head', status, headers: list, body: { discard: () => undefined } };
}

export function failed(
  reason: Extract<AttemptResult, { kind: 'failed' }>['reason'],
  sent = false,
): AttemptResult {
  return { kind: 'failed', reason, sent, message: 'inside' };
}

/** A data plane whose upstream answers what the test says. */
export class Plane {
  readonly clock = new FakeClock(NOW_MS);
  readonly errors: unknown[] = [];
  readonly tries: Try[] = [];
  readonly plane: DataPlane;
  answer: Answer = head();

  constructor(
    snapshot: CompiledSnapshot,
    scope: Partial<DataPlaneOptions['scope']> = {},
    more: Partial<DataPlaneOptions> = {},
  ) {
    this.plane = new DataPlane({
      scope: {
        role: 'gateway',
        proxy: 'p',
        gateways: undefined,
        service: undefined,
        workers: 1,
        ...scope,
      },
      clock: this.clock,
      random: seeded(1),
      onError: (error) => this.errors.push(error),
      ...more,
    });
    this.plane.swap(snapshot);
  }

  announce(service: string, ...endpoints: Endpoint[]): this {
    this.plane.setEndpoints({ mesh: 'm', service, endpoints, time: '' });
    return this;
  }

  make(fields: Parameters<typeof request>[0] = {}, more: Partial<Exchange> = {}): Exchange {
    const { snapshot } = this.plane;
    if (snapshot === undefined) throw new Error('no snapshot');
    return exchange(snapshot, fields, { startedMs: this.clock.nowMs(), ...more });
  }

  handle(asked: Exchange): Promise<Outcome> {
    const attempt: Attempt = (given, endpoint, limits, done) => {
      const tried = { endpoint, limits, headers: given.upstreamHeaders.clone() };
      this.tries.push(tried);
      const answer = typeof this.answer === 'function' ? this.answer(tried) : this.answer;
      if (answer instanceof Promise) void later(answer, done);
      else done(answer);
    };
    return new Promise((resolve) => this.plane.handle(asked, attempt, resolve));
  }

  /** The whole life of a request: `[status or reason, exchange]`. */
  async ask(
    fields: Parameters<typeof request>[0] = {},
    more: Partial<Exchange> = {},
  ): Promise<{ said: string; asked: Exchange; outcome: Outcome }> {
    const asked = this.make(fields, more);
    const outcome = await this.handle(asked);
    this.plane.release(asked, { aborted: false });
    return { said: said(outcome), asked, outcome };
  }
}

async function later(
  answer: Promise<AttemptResult>,
  done: (result: AttemptResult) => void,
): Promise<void> {
  done(await answer);
}

export function said(outcome: Outcome): string {
  return outcome.kind === 'head'
    ? String(outcome.head.status)
    : `${outcome.reply.status} ${outcome.reply.reason}`;
}
