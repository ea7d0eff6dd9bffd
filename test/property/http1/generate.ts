import { mutate } from './mutate.ts';
import { Chance } from './random.ts';

export type Kind = 'request' | 'response';

/** Bytes of one connection in one direction; `methods` are what the responses answer. */
export interface Stream {
  kind: Kind;
  methods: readonly string[];
  text: string;
}

const METHODS = ['GET', 'GET', 'GET', 'POST', 'PUT', 'HEAD', 'DELETE', 'OPTIONS', 'PATCH'];
const RARE_METHODS = ['TRACE', 'CONNECT', 'PRI', 'get', 'FOO', 'M-SEARCH', 'SOURCE', '', 'GET\t'];
const TARGETS = ['/', '/a', '/a/b?c=d', '/?q', '/a%20b', '/~x', '/a;b=1', '/%7Ea', '/a//b', '/..'];
const RARE_TARGETS = [
  ...['*', 'http://a.example/x', 'http://b.example', 'https://a.example/', 'a.example:80', ''],
  ...['/#f', '/a b', '/\x80', '/\\', '/{x}|"<>^`', '//a', '/a\tb', 'HTTP://a.example:80/?', '?'],
];
const VERSIONS = ['HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0'];
const RARE_VERSIONS = ['HTTP/2.0', 'HTTP/0.9', 'HTTP/1.2', 'http/1.1', 'HTTP/1.10', 'HTP/1.1', ''];
const FIELDS = [
  ...[
    'Accept: */*',
    'X-A: b',
    'Cookie: a=b; c="d"',
    'User-Agent: x (y) z/1',
    'Accept-Encoding: gzip',
  ],
  ...[
    'X-Empty:',
    'X-Pad:   \t v \t ',
    "!#$%&'*+-.^_`|~: 1",
    'Via: 1.1 a',
    'X-High: \x80\xff',
    'a:b',
  ],
  ...['Connection: keep-alive', 'Connection: x-a', 'TE: trailers', 'Expect: 100-continue'],
];
const RARE_FIELDS = [
  ...['Connection: close', 'Connection: Keep-Alive, close', 'Connection:', 'Connection: \xa0close'],
  ...[
    'Connection: \xa0keep-alive',
    'Connection: keep-alive, close',
    'Proxy-Connection: keep-alive',
  ],
  ...['Connection: upgrade\r\nUpgrade: websocket', 'Connection: Upgrade\r\nUpgrade: h2c'],
  ...[
    'Upgrade: websocket',
    'Connection: host',
    'Host: b.example',
    'Host:',
    'Host: a b',
    'Expect: x',
  ],
  ...[
    'X-A: b\r\n c',
    ' X-A: b',
    'X A: b',
    'X-A : b',
    ': b',
    'X-A',
    'X-\x80: b',
    'X-A: \x01',
    'X: \x7f',
  ],
  ...['X_Y: z', '__proto__: x', 'X-A: b\rc', 'X-A: b\nc', 'X-A: b\0c', 'Proxy-Connection: close'],
  ...[
    'Content-Type: a',
    'Authorization: b',
    'Keep-Alive: 1',
    'Connection: clos\x65d',
    'X-A:\r\n\tb',
  ],
];
const LENGTHS = [
  '+3',
  '-1',
  '03',
  '3 ',
  '3,3',
  '3, 3',
  '0x3',
  '3;',
  '',
  '1e1',
  '99999999999999999999',
];
const CODINGS = [
  ...[
    'Chunked',
    'chunked ',
    'identity',
    'gzip, chunked',
    'chunked, gzip',
    'chunked;q=1',
    'xchunked',
  ],
  ...['', '"chunked"', 'chunked,', ',chunked', 'chunked, chunked', '\x0bchunked', 'gzip', 'chunke'],
];
const SIZES = [
  '0x3',
  '+3',
  '-3',
  '3 ',
  ' 3',
  '',
  'G',
  '3\t',
  '3;',
  '10000000000000000',
  'fffffffffffff',
];
const EXTENSIONS = [
  ...[
    ';a',
    ';a=b',
    ';a="b"',
    ';a="b;c"',
    ';a=b;c=d',
    ';',
    ';;',
    '; a=b',
    ' ;a=b',
    ';a =b',
    ';a="b',
  ],
  ...[
    ';a= b',
    ';\x80',
    ';a=\x80',
    ';a="\x80"',
    ';a="\\""',
    ';a=b ',
    ';a\t',
    ';a\0',
    ';a\n',
    ';=b',
    ';a="b"c',
  ],
];
const TRAILERS = ['X-T: u', 'X-Empty:', 'Content-MD5: x', 'X-Pad: \t v '];
const RARE_TRAILERS = [
  ...['Content-Length: 3', 'Transfer-Encoding: chunked', 'Host: x', ' folded', 'X T: u', 'X-T : u'],
  ...[
    'Connection: close',
    'Trailer: x',
    'Upgrade: websocket',
    'X-T',
    'X-T: \0',
    'Content-Length: x',
  ],
];
const STATUSES = [
  '200',
  '200',
  '200',
  '404',
  '204',
  '304',
  '500',
  '100',
  '103',
  '201',
  '205',
  '206',
];
const RARE_STATUSES = ['101', '20', '2000', '000', '999', '2x0', '', ' 200', '+20', '150'];
const REASONS = [' OK', ' Not Found', ' ', '', ' \x80', ' a b\tc'];
const RARE_REASONS = ['OK', '  OK', ' \0', ' \x7f', '\tOK', ' a\rb', ' a\nb'];
const BODIES = [
  '',
  'a',
  'abc',
  'GET / HTTP/1.1\r\n\r\n',
  '\r\n',
  '0\r\n\r\n',
  '\0\xff\x80',
  '5\r\nhello\r\n',
];

/** The case of a number: the same for ever, as long as this file is. */
export function generate(kind: Kind, seed: number): Stream {
  const chance = new Chance(seed);
  const count = chance.oneOf([1, 1, 1, 2, 2, 3]);
  // Some connections are all in order, so that much is accepted too.
  const rarity = chance.oneOf([0, 0, 0.02, 0.1]);
  const methods: string[] = [];
  let text = '';
  for (let index = 0; index < count; index++) {
    const method = chance.oneOf(METHODS);
    methods.push(method);
    text += kind === 'request' ? request(chance, rarity, method) : response(chance, rarity, method);
  }
  if (chance.happens(0.05)) text = text.slice(0, chance.below(text.length + 1));
  if (chance.happens(0.45)) text = mutate(chance, text);
  return { kind, methods, text };
}

function request(chance: Chance, rarity: number, usual: string): string {
  const method = rarely(chance, rarity, [usual], RARE_METHODS);
  const target = rarely(chance, rarity, TARGETS, RARE_TARGETS);
  const version = rarely(chance, rarity, VERSIONS, RARE_VERSIONS);
  const lead = chance.happens(rarity)
    ? chance.oneOf(['\r\n', '\r\n\r\n', '\n', '\r', ' ', '\0'])
    : '';
  const lines = someFields(chance, rarity);
  if (!chance.happens(rarity / 2)) {
    lines.splice(chance.below(lines.length + 1), 0, chance.oneOf(['Host: a.example', 'host:a:80']));
  }
  const body = method === 'GET' && chance.happens(0.8) ? '' : someBody(chance, rarity, lines);
  return `${lead}${method} ${target} ${version}\r\n${head(lines)}\r\n${body}`;
}

function response(chance: Chance, rarity: number, method: string): string {
  const version = rarely(chance, rarity, VERSIONS, RARE_VERSIONS);
  const status = rarely(chance, rarity, STATUSES, RARE_STATUSES);
  const reason = rarely(chance, rarity, REASONS, RARE_REASONS);
  const lines = someFields(chance, rarity);
  let body = someBody(chance, rarity, lines);
  if (method === 'HEAD' || /^(1..|[23]04)$/.test(status)) body = chance.happens(rarity) ? body : '';
  else if (body === '' && lines.every((line) => !/^(content|transfer)-/i.test(line))) {
    if (chance.happens(0.8)) lines.push('Content-Length: 0');
  }
  return `${version} ${status}${reason}\r\n${head(lines)}\r\n${body}`;
}

function rarely<T>(chance: Chance, rarity: number, usual: readonly T[], rare: readonly T[]): T {
  return chance.oneOf(chance.happens(rarity) ? rare : usual);
}

function head(lines: readonly string[]): string {
  return lines.map((line) => `${line}\r\n`).join('');
}

function someFields(chance: Chance, rarity: number): string[] {
  // Node's parser hands fields on in groups of 32: at times there are more.
  const count = chance.happens(0.01) ? 25 + chance.below(85) : chance.below(5);
  return Array.from({ length: count }, () => rarely(chance, rarity, FIELDS, RARE_FIELDS));
}

/** Adds the fields that say how long it is. */
function someBody(chance: Chance, rarity: number, lines: string[]): string {
  const framing = chance.oneOf(['none', 'length', 'length', 'chunked', 'chunked']);
  const isOdd = chance.happens(rarity);
  const data = chance.oneOf(BODIES);
  const fields: string[] = [];
  let body = '';
  if (framing === 'length') {
    fields.push(
      `${spelled(chance, 'Content-Length')}: ${isOdd ? chance.oneOf(LENGTHS) : data.length}`,
    );
    body = data;
  }
  if (framing === 'chunked') {
    fields.push(
      `${spelled(chance, 'Transfer-Encoding')}: ${isOdd ? chance.oneOf(CODINGS) : 'chunked'}`,
    );
    body = chunks(chance, rarity, data);
  }
  if (chance.happens(rarity / 2)) fields.push(`Content-Length: ${data.length}`);
  if (chance.happens(rarity / 2)) fields.push('Transfer-Encoding: chunked');
  for (const field of fields) lines.splice(chance.below(lines.length + 1), 0, field);
  return body;
}

function spelled(chance: Chance, name: string): string {
  return chance.happens(0.8) ? name : chance.oneOf([name.toLowerCase(), name.toUpperCase()]);
}

function chunks(chance: Chance, rarity: number, data: string): string {
  let text = '';
  for (let at = 0; at < data.length;) {
    const size = 1 + chance.below(data.length - at);
    text += `${chunkSize(chance, rarity, size)}\r\n${data.slice(at, at + size)}\r\n`;
    at += size;
  }
  const trailers = chance.happens(0.7) ? [] : [rarely(chance, rarity, TRAILERS, RARE_TRAILERS)];
  if (chance.happens(0.1)) trailers.push(rarely(chance, rarity, TRAILERS, RARE_TRAILERS));
  return `${text}${chunkSize(chance, rarity, 0)}\r\n${head(trailers)}\r\n`;
}

function chunkSize(chance: Chance, rarity: number, size: number): string {
  if (chance.happens(rarity)) return chance.oneOf(SIZES);
  const digits = size.toString(16);
  const written = chance.happens(0.1) ? `00${digits.toUpperCase()}` : digits;
  return chance.happens(0.1)
    ? `${written}${rarely(chance, rarity, [';a', ';a=b', ';a="b c"'], EXTENSIONS)}`
    : written;
}
