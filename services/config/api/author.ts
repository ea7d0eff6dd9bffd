import type { Caller } from '#platform/access/guard.ts';
import { HttpProblem } from '#platform/http.ts';

/**
 * With a token its name is the author, and nobody writes in another's name. Throws 403 for that.
 */
export function authored<T extends { author?: string }>(body: T, caller: Caller): T {
  const { name } = caller;
  if (name === undefined) return body;
  if (body.author !== undefined && body.author !== name) {
    throw new HttpProblem(
      'forbidden',
      `the token ${name} writes as ${name}, not as ${body.author}; leave the author away`,
    );
  }
  return { ...body, author: name };
}
