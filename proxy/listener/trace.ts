import { randomBytes } from 'node:crypto';
import type { HeaderList } from '../headers.ts';
import { HEADERS } from '#contracts/headers.ts';
import type { TraceContext } from '../exchange.ts';

const PARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const STATE_BYTES_MAX = 512;
const SAMPLED = 1;

/** Hexadecimal digits, drawn in batches: one system call serves many requests. */
export class RandomHex {
  #pool = '';
  #at = 0;

  take(digits: number): string {
    if (this.#at + digits > this.#pool.length) {
      this.#pool = randomBytes(4096).toString('hex');
      this.#at = 0;
    }
    this.#at += digits;
    return this.#pool.slice(this.#at - digits, this.#at);
  }
}

/**
 * The trace context of this proxy's own span (W3C Trace Context): a child of the sender's when
 * that is well formed, else the root of a new trace, which is sampled.
 */
export function readTrace(headers: HeaderList, random: RandomHex): TraceContext {
  const parent = parseParent(headers);
  const spanId = nonZero(random, 16);
  if (parent === undefined) {
    return { traceId: nonZero(random, 32), spanId, parentId: '', sampled: true, state: '' };
  }
  const state = headers.get(HEADERS.traceState) ?? '';
  return { ...parent, spanId, state: state.length <= STATE_BYTES_MAX ? state : '' };
}

function parseParent(
  headers: HeaderList,
): Pick<TraceContext, 'traceId' | 'parentId' | 'sampled'> | undefined {
  const written = headers.get(HEADERS.traceParent);
  const match = written === undefined ? null : PARENT.exec(written.trim());
  if (match === null) return undefined;
  const [, version = '', traceId = '', parentId = '', flags = '', rest] = match;
  if (version === 'ff' || (version === '00' && rest !== undefined)) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(parentId)) return undefined;
  return { traceId, parentId, sampled: (Number.parseInt(flags, 16) & SAMPLED) === SAMPLED };
}

function nonZero(random: RandomHex, digits: number): string {
  for (;;) {
    const id = random.take(digits);
    if (!id.startsWith('0') || !/^0+$/.test(id)) return id;
  }
}

export function formatTraceParent(trace: TraceContext): string {
  return `00-${trace.traceId}-${trace.spanId}-${trace.sampled ? '01' : '00'}`;
}
