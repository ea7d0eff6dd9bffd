import type { Readable } from 'node:stream';
import { type Style, styleFor } from './output/style.ts';

export interface Out {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

/** What a verb has to do with the world beside HTTP; tests pass their own. */
export interface Io {
  /** Results: what a script reads. */
  readonly out: Out;
  /** Progress, warnings and errors: what a person reads. */
  readonly err: Out;
  readonly stdin: Readable;
  readonly env: NodeJS.ProcessEnv;
  /** Ends what would go on for ever (`--follow`, `--watch`). */
  readonly signal: AbortSignal;
  /** Wall clock, ms since 1970. */
  readonly wallMs: () => number;
}

export function line(out: Out, text: string): void {
  out.write(`${text}\n`);
}

export function styleOf(io: Io, out: Out): Style {
  return styleFor(out.isTTY === true && (io.env['NO_COLOR'] ?? '') === '');
}
