import type { Clock, Random } from '#platform/clock.ts';
import type { Attempt, BodyCopy, Exchange, Reply } from './exchange.ts';
import type { FilterSet } from './route/filters/filters.ts';
import { type Mirror, isMirrored } from './route/filters/mirror.ts';
import type { Head } from './tries.ts';

/** How long a copy may take, whatever the original may; ms. */
const COPY_DEADLINE_MS = 30_000;
/** A copy is sent once: it has used up every further try. */
const NO_MORE_TRIES = Number.MAX_SAFE_INTEGER;

/** Sends copies; `forward/copies.ts` does. */
export interface Copier {
  /** Undefined: too many are under way. `over` is called once, when nothing of it is left. */
  open(over: () => void): OpenCopy | undefined;
  /** Copies that were not made, or not to their end. */
  lost: number;
}

export interface OpenCopy extends BodyCopy {
  readonly attempt: Attempt;
  /** What became of it; an answer is read and dropped. */
  answered(result: Head | Reply): void;
}

/** A copy that waits for the original to be under way. */
export interface PreparedCopy {
  readonly exchange: Exchange;
  readonly mirror: Mirror;
  readonly open: OpenCopy;
}

export interface CopyParts {
  clock: Clock;
  random: Random;
  copier: Copier | undefined;
  /** Gives back what a copy holds at its endpoint. */
  release(copy: Exchange): void;
}

const NONE: readonly PreparedCopy[] = Object.freeze([]);

/**
 * Draws which mirrors get a copy, and makes them of the request as it is now, after its filters.
 * From here on they read the original's body along. Connections that change their protocol are not
 * copied: nobody could answer for the mirror.
 */
export function prepareCopies(
  sets: readonly FilterSet[],
  exchange: Exchange,
  parts: CopyParts,
): readonly PreparedCopy[] {
  const { random, copier, clock } = parts;
  if (copier === undefined || exchange.request.upgrade !== undefined) return NONE;
  let prepared: PreparedCopy[] | undefined;
  for (const { mirrors } of sets) {
    for (const mirror of mirrors) {
      if (!isMirrored(mirror, random)) continue;
      const isAllowed = mirror.isForGateways || exchange.request.direction !== 'edge';
      if (!isAllowed || !readsTheSame(mirror, exchange)) {
        copier.lost++;
        continue;
      }
      const copy = copyOf(exchange, clock.nowMs());
      const open = copier.open(() => parts.release(copy));
      if (open !== undefined) (prepared ??= []).push({ exchange: copy, mirror, open });
    }
  }
  if (prepared === undefined) return NONE;
  exchange.mirrored = prepared.length;
  if (exchange.request.hasBody) exchange.copies = prepared.map(({ open }) => open);
  return prepared;
}

/** A call of gRPC-Web that goes on as it came is none for a mirror that would get one of gRPC. */
function readsTheSame({ service, port }: Mirror, exchange: Exchange): boolean {
  const { web, snapshot, isGrpc } = exchange;
  if (web === undefined || isGrpc) return true;
  const found = snapshot.services.get(service)?.ports.find((each) => each.port === port);
  return found?.isHttp2 !== true;
}

function copyOf(exchange: Exchange, nowMs: number): Exchange {
  return {
    ...exchange,
    upstreamHeaders: exchange.upstreamHeaders.clone(),
    deadlineMs: nowMs + COPY_DEADLINE_MS,
    streamIdleMs: Math.min(exchange.streamIdleMs, COPY_DEADLINE_MS),
    copies: undefined,
    flight: undefined,
    client: undefined,
    retries: NO_MORE_TRIES,
  };
}
