import type { Framing } from './case.ts';

/** A message as it stands in bytes that arrived, read without any leniency. */
export interface Read {
  line: string;
  /** `name: value`, the name in lower case. */
  fields: string[];
  framing: Framing;
  /** What has come of it, without its framing. */
  body: string;
  trailers: string[];
  isComplete: boolean;
  /** Where the next message begins. */
  end: number;
}

export interface Reading {
  kind: 'request' | 'answer';
  /** An answer to HEAD. */
  bodyless: boolean;
  /** Nothing comes after these bytes. */
  ended: boolean;
}

const REQUEST_LINE = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+ [\x21-\x7e]+ HTTP\/1\.1$/;
const STATUS_LINE = /^HTTP\/1\.1 [1-5][0-9]{2} [\t\x20-\x7e\x80-\xff]*$/;
const FIELD = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*$/;
const LENGTH = /^(0|[1-9][0-9]{0,14})$/;

/**
 * Reads the message that begins at `at`; undefined while its head is not complete. Throws when
 * what the proxy wrote is not valid, or could be read in two ways.
 */
export function readMessage(text: string, at: number, how: Reading): Read | undefined {
  const headEnd = text.indexOf('\r\n\r\n', at);
  if (headEnd < 0) return undefined;
  const [line = '', ...rest] = text.slice(at, headEnd).split('\r\n');
  const pattern = how.kind === 'request' ? REQUEST_LINE : STATUS_LINE;
  if (!pattern.test(line)) throw new Error(`not a first line: ${JSON.stringify(line)}`);
  const fields = rest.map(readField);
  const start = headEnd + 4;
  const framing = framingOf(line, fields, how);
  const read = { line, fields, framing, body: '', trailers: [], isComplete: true, end: start };
  switch (framing) {
    case 'none':
      return read;
    case 'length':
      return withLength(read, text, Number(valuesOf(fields, 'content-length')[0]));
    case 'chunked':
      return withChunks(read, text);
    case 'close':
      return { ...read, body: text.slice(start), isComplete: how.ended, end: text.length };
    default:
      return framing satisfies never;
  }
}

function readField(line: string): string {
  const match = FIELD.exec(line);
  if (match === null) throw new Error(`not a field line: ${JSON.stringify(line)}`);
  return `${(match[1] ?? '').toLowerCase()}: ${match[2] ?? ''}`;
}

export function valuesOf(fields: readonly string[], name: string): string[] {
  const prefix = `${name}: `;
  return fields.filter((each) => each.startsWith(prefix)).map((each) => each.slice(prefix.length));
}

function framingOf(line: string, fields: readonly string[], how: Reading): Framing {
  const lengths = valuesOf(fields, 'content-length');
  const codings = valuesOf(fields, 'transfer-encoding');
  if (lengths.length + codings.length > 1) throw new Error('the length is given twice');
  if (lengths[0] !== undefined && !LENGTH.test(lengths[0])) throw new Error('not a length');
  if (codings[0] !== undefined && codings[0].toLowerCase() !== 'chunked') {
    throw new Error(`not a transfer coding: ${codings[0]}`);
  }
  if (how.kind === 'answer') {
    const status = Number(line.slice(9, 12));
    if (how.bodyless || status < 200 || status === 204 || status === 304) return 'none';
  }
  if (codings.length > 0) return 'chunked';
  if (lengths.length > 0) return 'length';
  return how.kind === 'request' ? 'none' : 'close';
}

function withLength(read: Read, text: string, length: number): Read {
  const body = text.slice(read.end, read.end + length);
  return { ...read, body, isComplete: body.length === length, end: read.end + body.length };
}

function withChunks(read: Read, text: string): Read {
  let at = read.end;
  let body = '';
  for (;;) {
    const lineEnd = text.indexOf('\r\n', at);
    if (lineEnd < 0) return { ...read, body, isComplete: false, end: text.length };
    const line = text.slice(at, lineEnd);
    if (!/^[0-9a-fA-F]{1,16}$/.test(line)) throw new Error(`not a chunk: ${JSON.stringify(line)}`);
    const size = Number.parseInt(line, 16);
    at = lineEnd + 2;
    if (size === 0) return withTrailers({ ...read, body, end: at }, text);
    body += text.slice(at, at + size);
    at += size;
    if (at + 2 > text.length) return { ...read, body, isComplete: false, end: text.length };
    if (text.slice(at, at + 2) !== '\r\n') throw new Error('a chunk is not as long as it says');
    at += 2;
  }
}

function withTrailers(read: Read, text: string): Read {
  if (text.startsWith('\r\n', read.end)) return { ...read, end: read.end + 2 };
  const end = text.indexOf('\r\n\r\n', read.end);
  if (end < 0) return { ...read, isComplete: false, end: text.length };
  const trailers = text.slice(read.end, end).split('\r\n').map(readField);
  return { ...read, trailers, end: end + 4 };
}
