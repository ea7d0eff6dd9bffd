/**
 * The first value of a query parameter, decoded; undefined when it is absent. `query` begins with
 * its `?` or is empty. Only the pair that is looked for is decoded.
 */
export function queryValue(query: string, name: string): string | undefined {
  let start = 1;
  while (start < query.length) {
    let end = query.indexOf('&', start);
    if (end === -1) end = query.length;
    let equals = query.indexOf('=', start);
    if (equals === -1 || equals > end) equals = end;
    if (decode(query.slice(start, equals)) === name) return decode(query.slice(equals + 1, end));
    start = end + 1;
  }
  return undefined;
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
