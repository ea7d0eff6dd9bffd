import { decodeJson } from '../message.ts';
import type { Trust } from '../signing.ts';
import { bodyClaim, bodyOf } from './event.ts';

/** What is to be vouched for. */
export interface Proven {
  mesh: string;
  epoch: number;
  sequence: number;
  /** Of the state (state.ts). */
  digest: string;
}

/**
 * Why a state is not believed, in words that follow "it"; undefined when it is. A proof is the
 * message of the log that names its digest, a large one without its body, or the head of a
 * snapshot.
 */
export function distrustOfState(
  proof: Uint8Array,
  proven: Proven,
  trust: Trust,
): string | undefined {
  const value = decodeJson(proof);
  const refusal = value === undefined ? 'is no JSON object' : refusalOf(value, proven, trust);
  if (refusal !== undefined) return `has a proof that is refused: it ${refusal}`;
  return value?.['digest'] === proven.digest ? undefined : 'has the proof of another state';
}

function refusalOf(
  value: Record<string, unknown>,
  { mesh, epoch, sequence }: Proven,
  trust: Trust,
): string | undefined {
  const body = bodyOf(value);
  const purpose = 'upTo' in value ? 'snapshot' : 'change-set';
  const refusal =
    body === undefined
      ? trust.refusalOf(purpose, value)
      : trust.refusalOf('body', bodyClaim(value, body));
  if (refusal !== undefined) return refusal;
  if (value['mesh'] !== mesh) return `belongs to the mesh ${String(value['mesh'])}`;
  if (value['epoch'] !== epoch) return `belongs to the epoch ${String(value['epoch'])}`;
  if (value['sequence'] === sequence) return undefined;
  return `was signed for message ${String(value['sequence'])}`;
}
