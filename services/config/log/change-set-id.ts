import { createHash, randomUUID } from 'node:crypto';
import { HttpProblem } from '#platform/http.ts';
import { canonicalJson } from '#platform/canonical.ts';

/**
 * The id of a change-set is where an idempotency key is remembered: in the log, so that it
 * outlives this process and holds for every config service of the mesh.
 */
export interface ChangeSetId {
  id: string;
  /** The part made from the key alone; undefined without a key. */
  keyPart?: string;
}

const KEY_MAX = 200;

export function changeSetId(mesh: string, key: string | undefined, body: unknown): ChangeSetId {
  if (key === undefined) return { id: randomUUID() };
  if (!new RegExp(`^[\\x21-\\x7e]{1,${KEY_MAX}}$`).test(key)) {
    throw new HttpProblem(
      'invalid-request',
      `an Idempotency-Key is 1 to ${KEY_MAX} visible ASCII characters`,
    );
  }
  const keyPart = `key-${digest(`${mesh}\0${key}`)}`;
  return { id: `${keyPart}-${digest(canonicalJson(body))}`, keyPart };
}

/** The part of an id that stands for its idempotency key; undefined when it was made without. */
export function keyPartOf(id: string): string | undefined {
  return /^(key-[0-9a-f]{32})-[0-9a-f]{32}$/.exec(id)?.[1];
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}
