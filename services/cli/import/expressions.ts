import { RE2JS } from 're2js';

/** Why a text is no regular expression in RE2 syntax; undefined when it is one. */
export function expressionFault(source: string): string | undefined {
  try {
    RE2JS.compile(source);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
