import type { HeaderList } from '../headers.ts';
import { CHUNKED, CONTENT_LENGTH, UNTIL_CLOSE } from './body.ts';

/**
 * How the body of a final response ends (RFC 9112 section 6.3): bytes, CHUNKED or UNTIL_CLOSE.
 * Undefined: it says so in more than one way, or in one that only others understand.
 */
export function responseBodyLength(
  headers: HeaderList,
  status: number,
  method: string,
  version: string,
): number | undefined {
  const coding = headers.get('transfer-encoding');
  const length = headers.get('content-length');
  if (length !== undefined && !CONTENT_LENGTH.test(length)) return undefined;
  if (coding !== undefined) {
    const isChunked = version === '1.1' && coding.toLowerCase() === 'chunked';
    if (!isChunked || length !== undefined) return undefined;
  }
  if (method === 'HEAD' || status === 204 || status === 304) return 0;
  if (coding !== undefined) return CHUNKED;
  return length === undefined ? UNTIL_CLOSE : Number(length);
}
