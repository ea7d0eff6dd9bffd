import type { Line, Message } from './case.ts';
import { type Read, valuesOf } from './reader.ts';

/** Values that differ from run to run. */
const VOLATILE = /^(x-request-id|traceparent|date): .+$/;

/** How a message differs from what was expected, one sentence each. */
export function differences(who: string, read: Read, wanted: Message, after: string): string[] {
  const problems: string[] = [];
  const say = (text: string): unknown => problems.push(`${who}: ${text}`);
  const { fields } = read;
  for (const line of wanted.has ?? []) {
    if (!fields.some((each) => matches(each, line))) say(`no field ${String(line)}`);
  }
  for (const name of wanted.lacks ?? []) {
    if (valuesOf(fields, name).length > 0) say(`has the field ${name}`);
  }
  if (wanted.head !== undefined) {
    const all = fields
      .filter((each) => each.toLowerCase() !== 'connection: keep-alive') // Says what is so anyway.
      .map((each) => each.replace(VOLATILE, '$1: *'))
      .toSorted();
    const same = JSON.stringify(all) === JSON.stringify(wanted.head.toSorted());
    if (!same) say(`its head is ${JSON.stringify(all)}`);
  }
  if (wanted.body !== undefined && !matches(read.body, wanted.body)) {
    say(`its body is ${JSON.stringify(read.body.slice(0, 200))}`);
  }
  if (wanted.framing !== undefined && read.framing !== wanted.framing) {
    say(`its framing is ${read.framing}, not ${wanted.framing}`);
  }
  const trailers = read.trailers.toSorted();
  if (JSON.stringify(trailers) !== JSON.stringify((wanted.trailers ?? []).toSorted())) {
    say(`its trailers are ${JSON.stringify(trailers)}`);
  }
  if (read.isComplete === (wanted.aborted ?? false)) {
    say(read.isComplete ? 'it has a clean end' : 'it is not complete');
  }
  if (wanted.tunnel !== undefined && after !== wanted.tunnel) {
    say(`after it came ${JSON.stringify(after)}`);
  }
  return problems;
}

/** Connection options are compared without regard to case (RFC 9110 section 7.6.1). */
export function matches(text: string, wanted: Line): boolean {
  if (typeof wanted !== 'string') return wanted.test(text);
  return text === wanted || (wanted.startsWith('connection: ') && text.toLowerCase() === wanted);
}
