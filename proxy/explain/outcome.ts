import type { ExplainRequest } from '#contracts/api/config.ts';
import type { Explanation } from '#contracts/api/explain.ts';
import { formatRevision } from '#contracts/revision.ts';
import type { Clock } from '#platform/clock.ts';
import { type Cause, ERRORS } from '../errors.ts';
import type { Refusal } from '../listener/refusal.ts';
import type { CompiledSnapshot } from '../snapshot/compiled.ts';

/** What the proxy answers itself. */
export function answer(cause: Cause, message: string): Explanation['outcome'] {
  const { status, reason } = ERRORS[cause];
  return { forwarded: false, status, reason, message };
}

/** Of a request that is refused before it is routed. */
export function unreadable(
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
export function stillClock(wallMs: number): Clock {
  return {
    nowMs: () => 0,
    wallMs: () => wallMs,
    after: () => ({ cancel: () => undefined }),
  };
}
