import { CHANGE_SET_BYTES_MAX, CHANGE_SET_RESOURCES_MAX } from '#contracts/events.ts';
import { HttpProblem } from '#platform/http.ts';
import type { Candidate } from './candidate.ts';

/** Throws 413 for more than one change-set may hold. Its bytes are measured only when they may. */
export function refuseTooLarge({ upserts, deletes }: Candidate): void {
  const count = upserts.length + deletes.length;
  if (count > CHANGE_SET_RESOURCES_MAX) throw tooMany(count);
  const bytes = Buffer.byteLength(JSON.stringify({ upserts, deletes }));
  if (bytes > CHANGE_SET_BYTES_MAX) throw tooLarge(bytes);
}

export function tooMany(count: number): HttpProblem {
  return new HttpProblem(
    'too-large',
    `this change-set changes ${count} resources and one may change ` +
      `${CHANGE_SET_RESOURCES_MAX}; split it into several`,
  );
}

/** With both sizes in the sentence. */
export function tooLarge(bytes: number): HttpProblem {
  const kib = (size: number): number => Math.ceil(size / 1024);
  return new HttpProblem(
    'too-large',
    `this change-set takes ${kib(bytes)} KiB and one may take ${kib(CHANGE_SET_BYTES_MAX)} KiB; ` +
      'split it into several',
  );
}
