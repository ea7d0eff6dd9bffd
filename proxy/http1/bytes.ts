/** Classes of bytes in HTTP/1.1's grammar (RFC 9110 section 5.6.2, RFC 9112 sections 3 to 5). */

export const HTAB = 0x09;
export const LF = 0x0a;
export const CR = 0x0d;
export const SP = 0x20;
export const COLON = 0x3a;
export const SEMICOLON = 0x3b;

const TOKEN_MARKS = "!#$%&'*+-.^_`|~";

/** 1 for `tchar`: what methods and field names are made of. */
export const IS_TOKEN = table(
  (byte) =>
    (byte >= 0x30 && byte <= 0x39) ||
    (byte >= 0x41 && byte <= 0x5a) ||
    (byte >= 0x61 && byte <= 0x7a) ||
    TOKEN_MARKS.includes(String.fromCharCode(byte)),
);

/** 1 for what a field value may hold: visible characters, SP, HTAB and obs-text. */
export const IS_FIELD_VALUE = table(
  (byte) => byte === HTAB || (byte >= SP && byte !== 0x7f && byte <= 0xff),
);

/** 1 for visible ASCII: what a request target is made of. */
export const IS_VISIBLE = table((byte) => byte > SP && byte < 0x7f);

/** Value of a hexadecimal digit; 255 for any other byte. */
export const HEX_VALUE = new Uint8Array(256).fill(255);
for (let digit = 0; digit < 16; digit++) {
  const text = digit.toString(16);
  HEX_VALUE[text.charCodeAt(0)] = digit;
  HEX_VALUE[text.toUpperCase().charCodeAt(0)] = digit;
}

/**
 * Without SP and HTAB around, in one pass: a regular expression for the end would begin anew at
 * every space inside, and a client chooses how many there are.
 */
export function trimSpace(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isSpace(text.charCodeAt(start))) start++;
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--;
  return start === 0 && end === text.length ? text : text.slice(start, end);
}

function isSpace(code: number): boolean {
  return code === SP || code === HTAB;
}

function table(holds: (byte: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => (holds(byte) ? 1 : 0));
}
