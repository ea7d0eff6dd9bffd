import type { Kind } from './generate.ts';

/** Inputs that were found or are known to divide readers; `rule` where llhttp differs. */
export interface Case {
  name: string;
  kind: Kind;
  text: string;
  ours: 'accepted' | 'incomplete' | 'refused';
  rule?: string;
}

const HEAD = 'POST / HTTP/1.1\r\nHost: a\r\n';
const CHUNKED = `${HEAD}Transfer-Encoding: chunked\r\n\r\n`;
const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const RESPONSE = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';

function refused(name: string, text: string, rule?: string): Case {
  return { name, kind: 'request', text, ours: 'refused', ...(rule === undefined ? {} : { rule }) };
}

function accepted(name: string, text: string, rule?: string): Case {
  return { name, kind: 'request', text, ours: 'accepted', ...(rule === undefined ? {} : { rule }) };
}

function answered(name: string, ours: Case['ours'], text: string, rule?: string): Case {
  return { name, kind: 'response', text, ours, ...(rule === undefined ? {} : { rule }) };
}

export const CASES: readonly Case[] = [
  accepted('one request', GET),
  accepted('three requests at once', `${GET}${HEAD}Content-Length: 3\r\n\r\nabc${GET}`),
  accepted(
    'a request in the body of another',
    `${HEAD}Content-Length: ${GET.length}\r\n\r\n${GET}`,
  ),
  accepted('an empty line before', `\r\n${GET}`),
  accepted('a method that llhttp does not know', GET.replace('GET', 'FOO')),
  accepted('a known method in small letters', GET.replace('GET', 'get')),
  accepted('more fields than node hands on at once', `${HEAD}${'A: b\r\n'.repeat(80)}\r\n`),
  accepted('empty values and padded ones', `${HEAD}A:\r\nB: \t \r\nC:\t c\t \r\n\r\n`),
  accepted(
    'an upgrade that is not known',
    `${HEAD}Connection: upgrade\r\nUpgrade: h2c\r\n\r\n${GET}`,
  ),
  accepted('bytes behind a close', `${HEAD}Connection: close\r\n\r\n${GET}`),
  accepted('sizes of chunks with zeros before', `${CHUNKED}0003\r\nabc\r\n000\r\n\r\n${GET}`),
  accepted('trailers', `${CHUNKED}3;a=b\r\nabc\r\n0\r\nX-T: u\r\nX-E:\r\n\r\n${GET}`),
  accepted(
    'an extension without a name',
    `${CHUNKED}3;\r\nabc\r\n0\r\n\r\n`,
    'form of a chunk extension',
  ),
  accepted(
    'an extension of a space',
    `${CHUNKED}3; \r\nabc\r\n0\r\n\r\n`,
    'form of a chunk extension',
  ),
  accepted(
    'a length among the trailers',
    `${CHUNKED}0\r\nContent-Length: 5\r\n\r\n${GET}`,
    'framing fields among the trailers',
  ),
  accepted(
    'a coding among the trailers',
    `${CHUNKED}0\r\nTransfer-Encoding:\r\n\r\n${GET}`,
    'framing fields among the trailers',
  ),
  accepted(
    'a close among the trailers',
    `${CHUNKED}0\r\nConnection: close\r\n\r\n${GET}`,
    'framing fields among the trailers',
  ),
  accepted(
    'HTAB behind chunked',
    `${HEAD}Transfer-Encoding: chunked\t\r\n\r\n0\r\n\r\n`,
    'HTAB behind a transfer coding',
  ),
  accepted(
    'a no-break space before keep-alive',
    `GET / HTTP/1.0\r\nConnection: \xa0keep-alive\r\n\r\n`,
  ),
  refused('CL and TE', `${HEAD}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`),
  refused('TE and TE', CHUNKED.replace('\r\n\r\n', '\r\nTransfer-Encoding: x\r\n\r\n'), undefined),
  refused('VT before chunked', CHUNKED.replace(' chunked', ' \x0bchunked')),
  refused('two lengths', `${HEAD}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc`),
  refused('a list of lengths', `${HEAD}Content-Length: 3, 3\r\n\r\nabc`),
  refused('zeros before a length', `${HEAD}Content-Length: 03\r\n\r\nabc`, 'content length'),
  refused('a sign before a length', `${HEAD}Content-Length: +3\r\n\r\nabc`),
  refused('space before a colon', `${HEAD}Content-Length : 3\r\n\r\nabc`),
  refused('a folded field', `${HEAD}A: b\r\n c\r\n\r\n`),
  refused('a field folded from the start', 'GET / HTTP/1.1\r\n Host: a\r\n\r\n'),
  refused('NUL in a value', `${HEAD}A: b\0c\r\n\r\n`),
  refused('a lone CR in a value', `${HEAD}A: b\rc\r\n\r\n`),
  refused('a lone LF behind a value', `${HEAD}A: b\nC: d\r\n\r\n`),
  refused('a lone LF behind the request line', 'GET /\nHost: a\r\n\r\n', 'bare LF'),
  refused('a lone LF before a request', `\n${GET}`, 'bare LF'),
  refused('two empty lines before a request', `\r\n\r\n${GET}`, 'empty line before a request'),
  refused('a lone CR before a request', `\r${GET}`, 'empty line before a request'),
  refused('CONNECT to nothing', 'CONNECT \r\n\r\n', 'no version'),
  refused('a request of HTTP/0.9', 'GET /\r\n\r\n', 'no version'),
  refused(
    'two spaces before a target',
    'GET  / HTTP/1.1\r\nHost: a\r\n\r\n',
    'more spaces in the request line',
  ),
  refused(
    'two spaces behind a target',
    'GET /  HTTP/1.1\r\nHost: a\r\n\r\n',
    'more spaces in the request line',
  ),
  refused('the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  refused('hexadecimal with a mark', `${CHUNKED}0x3\r\nabc\r\n0\r\n\r\n`),
  refused('no digit', `${CHUNKED}\r\nabc\r\n0\r\n\r\n`),
  refused('space behind a size', `${CHUNKED}3 \r\nabc\r\n0\r\n\r\n`),
  refused('a chunk longer than its size', `${CHUNKED}2\r\nabc\r\n0\r\n\r\n`),
  refused('a lone LF behind a size', `${CHUNKED}3\nabc\r\n0\r\n\r\n`),
  refused('a lone LF in an extension', `${CHUNKED}3;a\nabc\r\n0\r\n\r\n`),
  refused('a lone CR behind data', `${CHUNKED}3\r\nabc\r0\r\n\r\n`),
  refused('a size that overflows 64 bits', `${CHUNKED}10000000000000003\r\nabc\r\n0\r\n\r\n`),
  refused(
    'a size of 2^53',
    `${CHUNKED}20000000000000\r\nabc\r\n0\r\n\r\n`,
    'digits of a chunk size',
  ),
  refused(
    'an extension without end',
    `${CHUNKED}3;${'a'.repeat(1_100)}\r\nabc\r\n0\r\n\r\n`,
    'length of a chunk line',
  ),
  refused('space before a trailer', `${CHUNKED}0\r\n X: y\r\n\r\n`),
  answered('a response', 'accepted', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc'),
  answered('a response until the end', 'accepted', 'HTTP/1.1 200 OK\r\n\r\nabc\r\n\r\n'),
  answered('no reason', 'accepted', 'HTTP/1.1 204\r\n\r\n'),
  answered('two responses', 'accepted', `${RESPONSE}3\r\nabc\r\n0\r\n\r\nHTTP/1.1 304 x\r\n\r\n`),
  answered(
    '103, then 200',
    'accepted',
    'HTTP/1.1 103 x\r\nLink: y\r\n\r\nHTTP/1.1 200 OK\r\n\r\nz',
  ),
  answered(
    '101, then other bytes',
    'accepted',
    'HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\n\0\x01',
  ),
  answered('204 with a length', 'accepted', 'HTTP/1.1 204 x\r\nContent-Length: 3\r\n\r\n'),
  answered(
    'chunked by HTTP/1.0',
    'refused',
    RESPONSE.replace('1.1', '1.0'),
    'length of a response',
  ),
  answered(
    'gzip before chunked',
    'refused',
    RESPONSE.replace('chunked', 'gzip, chunked'),
    'length of a response',
  ),
  answered(
    'CL and TE of a response',
    'refused',
    `HTTP/1.1 200 OK\r\nContent-Length: 0\r\n${RESPONSE.slice(17)}0\r\n\r\n`,
  ),
  answered(
    'a line before a response',
    'refused',
    `\r\n${RESPONSE}`,
    'empty line before a response',
  ),
  answered('the first byte of RTSP', 'refused', 'R', 'another protocol than HTTP'),
  answered('a lone CR in a reason', 'refused', 'HTTP/1.1 200 a\rb\r\n\r\n'),
  answered(
    'a bad chunk behind a coding with HTAB',
    'refused',
    'HTTP/1.1 205 \r\nTransfer-Encoding:chunked\t\r\nh:\r\n\r\n\r',
    'body behind a transfer coding with HTAB',
  ),
  answered(
    'a bad trailer behind a coding with HTAB',
    'refused',
    'HTTP/1.1 200\r\nTransfer-Encoding:chunked\t\r\na:\r\n\r\n3\r\nET \r\n0\r\n0\r',
    'body behind a transfer coding with HTAB',
  ),
];
