import type { Stream } from './generate.ts';
import { HIDDEN_ERROR, type Reading } from './llhttp.ts';
import type { Outcome, Refused } from './ours.ts';

export interface Rule {
  name: string;
  /** Failures of the grammar, or what a check says. */
  why: readonly (string | RegExp)[];
  /** The message's bytes up to the one with which it was refused. */
  seen?: RegExp;
  kind?: Stream['kind'];
  reason: string;
}

const FORM = ['bad_start_line', 'bad_field', 'bad_chunk'];

/** What ours refuses though llhttp takes it: all of it on purpose. The first that fits counts. */
export const STRICTER: readonly Rule[] = [
  {
    name: 'bare LF',
    why: FORM,
    seen: /(^|[^\r])\n$/,
    reason: 'who lets a lone LF end a line sees other lines than who does not (RFC 9112, 2.2)',
  },
  {
    name: 'empty line before a request',
    kind: 'request',
    why: FORM,
    seen: /^\r(\n\r|[^\n])/,
    reason: 'one CR LF is what RFC 9112 section 2.2 asks for; more of them are of no known client',
  },
  {
    name: 'empty line before a response',
    kind: 'response',
    why: FORM,
    seen: /^\r/,
    reason: 'nothing allows it, and what stands before a response is part of an earlier one',
  },
  {
    name: 'no version',
    kind: 'request',
    why: ['bad_start_line'],
    seen: /^(\r\n)?\S+ +(\S+ *)?\r\n/,
    reason: 'a request of HTTP/0.9 has no head, so whatever follows is another request',
  },
  {
    name: 'more spaces in the request line',
    kind: 'request',
    why: ['bad_start_line'],
    seen: /^(\r\n)?\S+ (\S+ )? /,
    reason: 'exactly one space stands between its parts (RFC 9112, 3)',
  },
  {
    name: 'version of a request',
    kind: 'request',
    why: ['bad_version'],
    reason: 'HTTP/0.9 and HTTP/2.0 are not what this port speaks',
  },
  {
    name: 'another protocol than HTTP',
    kind: 'response',
    why: ['bad_start_line'],
    seen: /^[IR]$/,
    reason: 'llhttp waits for the rest of ICE/ and RTSP/; no upstream is asked for these',
  },
  {
    name: 'version of a response',
    kind: 'response',
    why: ['bad_start_line'],
    seen: /^HTTP\/(0\.9|2\.0) /,
    reason: 'HTTP/0.9 and HTTP/2.0 are not what was asked for',
  },
  {
    name: 'digits of a chunk size',
    why: ['bad_chunk'],
    seen: /\r\n[0-9a-f]{14,17}$/i,
    reason: 'beyond 2^53 a number loses bytes; llhttp counts up to 2^64',
  },
  {
    name: 'body behind a transfer coding with HTAB',
    kind: 'response',
    why: FORM,
    seen: /transfer-encoding:[ \t]*chunked[ \t]*\t[ \t]*\r/i,
    reason: 'llhttp overlooks the coding and reads on until the end; RFC 9112 section 5 trims it',
  },
  {
    name: 'length of a chunk line',
    why: ['bad_chunk'],
    seen: /\r\n[0-9a-f]+;[^\r\n]{1024}.?$/i,
    reason: 'extensions are dropped, so bytes without end could hide in them (CVE-2024-22019)',
  },
  {
    name: 'control characters in a reason',
    kind: 'response',
    why: ['bad_start_line'],
    seen: /^HTTP\/1\.[01] \d{3} .*[^\t\x20-\x7e\x80-\xff]$/,
    reason: 'RFC 9112 section 4 has none; a lone CR could end the line for the next reader',
  },
  {
    name: 'number of fields',
    why: ['too_many_fields'],
    seen: /(.*\r\n){100}/,
    reason: 'SAFETY.md bounds it at 100; node does so behind its parser',
  },
  {
    name: 'method',
    kind: 'request',
    why: ['TRACE is not served', 'CONNECT is not served here'],
    seen: /^(\r\n)?(TRACE|CONNECT) /,
    reason: 'TRACE shows what proxies added; a tunnel is not served here',
  },
  {
    name: 'target',
    kind: 'request',
    why: [/^(the|a) request target /, /^the path (climbs|has) /],
    reason: 'what two programs could read as different paths is refused (SAFETY.md, class 5)',
  },
  {
    name: 'host',
    kind: 'request',
    why: [/^the (Host field|host|port in the host) (is|contradicts) /],
    reason: 'a request is routed by exactly one valid host; node checks it behind its parser',
  },
  {
    name: 'repeated field',
    kind: 'request',
    why: [/^the field \S+ stands twice$/],
    reason: 'of two values the next hop could take the other (SAFETY.md, class 6)',
  },
  {
    name: 'content length',
    kind: 'request',
    why: ['the content length is not a number'],
    seen: /content-length:[ \t]*(0\d+|\d{16,})[ \t]*\r/i,
    reason: 'leading zeros are octal to some; what is beyond 2^53 is counted by nobody',
  },
  {
    name: 'transfer coding of a request',
    kind: 'request',
    why: [/^HTTP\/1\.0 has no transfer encoding$/, 'the only transfer encoding is chunked'],
    seen: /transfer-encoding:/i,
    reason: 'a body whose end is not told by chunked alone has two ends (RFC 9112, 6.1 and 6.3)',
  },
  {
    name: 'expectation',
    kind: 'request',
    why: ['the only expectation that can be met is 100-continue'],
    seen: /expect:/i,
    reason: 'RFC 9110 section 10.1.1 lets it be answered with 417',
  },
  {
    name: 'Connection names what is kept',
    kind: 'request',
    why: [/^the Connection field may not name /],
    seen: /connection:/i,
    reason: 'fields that decide about security, routing or framing cannot be stripped (SAFETY.md)',
  },
  {
    name: 'length of a response',
    kind: 'response',
    why: ['ambiguous length'],
    seen: /^HTTP\/1\.0[^]*transfer-encoding:|transfer-encoding:(?![ \t]*chunked[ \t]*\r)/i,
    reason: 'HTTP/1.0 and codings but chunked: where the body ends is a matter of opinion',
  },
  {
    name: 'length of a response, given twice',
    kind: 'response',
    why: ['ambiguous length'],
    seen: /(content-length|transfer-encoding):[^]*(content-length|transfer-encoding):/i,
    reason: 'two lengths are two ends, also where a status has no body',
  },
  {
    name: 'content length of a response',
    kind: 'response',
    why: ['ambiguous length'],
    seen: /content-length:[ \t]*(0\d+|\d{16,})[ \t]*\r/i,
    reason: 'leading zeros are octal to some; what is beyond 2^53 is counted by nobody',
  },
];

export function stricterRule({ kind, text }: Stream, refused: Refused): string | undefined {
  const seen = text.slice(refused.start, refused.at + 1);
  const fits = (rule: Rule): boolean =>
    (rule.kind ?? kind) === kind &&
    rule.why.some((why) =>
      typeof why === 'string' ? why === refused.why : why.test(refused.why),
    ) &&
    (rule.seen?.test(seen) ?? true);
  return STRICTER.find(fits)?.name;
}

/** What ours takes though llhttp refuses it: llhttp's errors, and why they may be. */
export const LOOSER: readonly (Omit<Rule, 'why' | 'kind'> & { errors: readonly string[] })[] = [
  {
    name: 'form of a chunk extension',
    errors: ['HPE_STRICT', 'HPE_INVALID_CHUNK_SIZE', HIDDEN_ERROR],
    seen: /\r\n[0-9a-f]+;[^\r\n]*\r?$/im,
    reason: 'extensions are dropped unread; they hold no CR, LF or NUL',
  },
  {
    name: 'framing fields among the trailers',
    errors: [
      ...['HPE_INVALID_CONTENT_LENGTH', 'HPE_INVALID_TRANSFER_ENCODING'],
      ...['HPE_UNEXPECTED_CONTENT_LENGTH', 'HPE_CLOSED_CONNECTION', HIDDEN_ERROR],
    ],
    seen: /\r\n0+(;.*)?\r\n([^\r\n]+\r\n)*(content-length|transfer-encoding|connection|upgrade):/i,
    reason: 'trailers change no framing here (RFC 9110, 6.5.1)',
  },
  {
    name: 'HTAB behind a transfer coding',
    errors: ['', 'HPE_INVALID_TRANSFER_ENCODING'],
    seen: /transfer-encoding:[ \t]*chunked[ \t]*\t[ \t]*\r/i,
    reason: 'white space behind a value is none of it (RFC 9112, 5); it is not passed on',
  },
];

export function looserRule({ text }: Stream, ours: Outcome, theirs: Reading): string | undefined {
  const { error = '' } = theirs;
  const ends = [0, ...ours.messages.map(({ end }) => end)];
  const failed = theirs.messages.length;
  // What llhttp says of a closed connection has its cause in the message before.
  const first = error === '' ? 0 : failed - (error === 'HPE_CLOSED_CONNECTION' ? 1 : 0);
  const seen = text.slice(ends[first] ?? 0, error === '' ? undefined : ends[failed + 1]);
  return LOOSER.find((rule) => rule.errors.includes(error) && rule.seen?.test(seen) === true)?.name;
}
