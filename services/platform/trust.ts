import { BootstrapError } from './bootstrap.ts';
import { KeyError, Trust } from './signing.ts';
import type { TrustText } from './trust-fields.ts';

/** The keys of these texts; undefined for undefined, an unsigned mesh. Throws BootstrapError. */
export function trustOf(texts: readonly TrustText[] | undefined): Trust | undefined {
  try {
    return texts === undefined ? undefined : new Trust(texts);
  } catch (error) {
    if (error instanceof KeyError) throw new BootstrapError(`--trust: ${error.message}`);
    throw error;
  }
}
