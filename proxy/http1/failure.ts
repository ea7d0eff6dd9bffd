/**
 * Why bytes are no message that may be read on: a value, never an exception. `limit` failures are
 * about size, all others about form.
 */
export type Http1Failure =
  | 'bad_start_line'
  | 'bad_version'
  | 'bad_field'
  | 'bad_chunk'
  | 'line_too_long'
  | 'head_too_large'
  | 'too_many_fields';

/** One sentence for each, for the one who sent the bytes. */
export const HTTP1_FAILURES: Readonly<Record<Http1Failure, string>> = {
  bad_start_line: 'the first line is not valid HTTP/1.1',
  bad_version: 'only HTTP/1.1 and HTTP/1.0 are spoken here',
  bad_field: 'a header field is not valid HTTP/1.1',
  bad_chunk: 'the body is not in valid chunks',
  line_too_long: 'the request line is too long',
  head_too_large: 'the header block is too large',
  too_many_fields: 'the message has too many header fields',
};
