import type { ResourceProblem } from '#contracts/problems.ts';
import { valuesOf } from '#contracts/resources/index.ts';
import { keyOfResource } from '#platform/state.ts';
import type { Pending, Vault } from '../secrets/vault.ts';
import type { Intent } from './intent.ts';

/** An intent as it may go on: no value of a Secret is in it any more. */
export interface SealedIntent {
  intent: Intent;
  /** To be stored before anything that names them is published. */
  pending: readonly Pending[];
}

const NO_KEY = 'this config service takes no values of Secrets';
const NO_KEY_HINT =
  'start it with --sealing-key, --signing-key and --trust, or name the files in the ' +
  'bootstrap of the proxies';

/** Takes the values out of what is written, first of all: no plan, answer or log has them. */
export async function sealSecrets(intent: Intent, vault: Vault | undefined): Promise<SealedIntent> {
  if (intent.kind !== 'write') return { intent, pending: [] };
  const { upserts, refused } = intent;
  if (!upserts.some(({ kind }) => kind === 'Secret')) return { intent, pending: [] };
  if (vault === undefined) {
    const problems = upserts.flatMap((resource): ResourceProblem[] => {
      if (resource.kind !== 'Secret' || valuesOf(resource) === undefined) return [];
      const where = { resource: keyOfResource(resource), path: 'data' };
      return [{ ...where, reason: 'invalid_value', message: NO_KEY, hint: NO_KEY_HINT }];
    });
    const all = { ...refused, problems: [...refused.problems, ...problems] };
    return { intent: { ...intent, refused: all }, pending: [] };
  }
  const sealed = await vault.seal(upserts);
  const problems = [...refused.problems, ...sealed.problems];
  return {
    intent: { ...intent, upserts: sealed.upserts, refused: { ...refused, problems } },
    pending: sealed.pending,
  };
}
