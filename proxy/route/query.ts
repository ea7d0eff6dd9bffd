/** `%` and `+`: what comes between them is more than it looks like. */
const PERCENT = 0x25;
const PLUS = 0x2b;

/**
 * The first value of a query parameter, decoded; undefined when it is absent. `query` begins with
 * its `?` or is empty. Only the pair that is looked for is decoded.
 */
export function queryValue(query: string, name: string): string | undefined {
  const start = valueStart(query, name);
  return start === -1 ? undefined : decode(query.slice(start, pairEnd(query, start)));
}

/** Whether queryValue would be this value; nothing is cut out unless it has to be decoded. */
export function queryEquals(query: string, name: string, value: string): boolean {
  const start = valueStart(query, name);
  return start !== -1 && reads(query, start, pairEnd(query, start), value);
}

/** Where the value of the first parameter of a name begins; -1 when it is absent. */
function valueStart(query: string, name: string): number {
  let start = 1;
  while (start < query.length) {
    const end = pairEnd(query, start);
    let equals = query.indexOf('=', start);
    if (equals === -1 || equals > end) equals = end;
    if (reads(query, start, equals, name)) return Math.min(equals + 1, end);
    start = end + 1;
  }
  return -1;
}

function pairEnd(query: string, from: number): number {
  const end = query.indexOf('&', from);
  return end === -1 ? query.length : end;
}

/** Whether what stands between two places reads as a text. */
function reads(query: string, start: number, end: number, text: string): boolean {
  for (let i = start; i < end; i++) {
    const code = query.charCodeAt(i);
    if (code === PERCENT || code === PLUS) return decode(query.slice(start, end)) === text;
  }
  return end - start === text.length && query.startsWith(text, start);
}

/** A sequence that is no UTF-8 is left as it stands: it then equals no sensible value. */
function decode(text: string): string {
  if (!text.includes('%') && !text.includes('+')) return text;
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}
