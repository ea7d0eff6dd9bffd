import { type Io, line } from '../io.ts';
import { count } from './format.ts';

/** Says on standard error what the token does not show. */
export function hiddenText(io: Io, hidden = 0): void {
  if (hidden === 0) return;
  line(io.err, `not shown: ${count(hidden, 'change')} in namespaces that your token may not view`);
}
