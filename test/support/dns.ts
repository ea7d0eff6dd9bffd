import { type Socket, createSocket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv4 } from 'node:net';
import { onTestFinished } from 'vitest';

/** What a name server says of one name; a response code instead of addresses is an error. */
export type Zone = Record<string, { addresses: string[]; ttlS: number } | 'NXDOMAIN' | 'SERVFAIL'>;

export interface NameServer {
  /** `address:port`. */
  at: string;
  /** Read anew for each question; what is not in it is NXDOMAIN. */
  zone: Zone;
  /** Silent: it hears and does not answer. */
  isSilent: boolean;
  /** `A name`, in the order of arrival. */
  asked: string[];
}

const TYPES: Readonly<Record<number, string>> = { 1: 'A', 28: 'AAAA' };
const CODES = { NXDOMAIN: 3, SERVFAIL: 2 } as const;
const HEADER_BYTES = 12;

/** A name server (RFC 1035) on a free UDP port of loopback, closed after the test. */
export async function startNameServer(zone: Zone): Promise<NameServer> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  onTestFinished(() => {
    socket.close();
  });
  const server: NameServer = {
    at: `127.0.0.1:${socket.address().port}`,
    zone,
    isSilent: false,
    asked: [],
  };
  socket.on('message', (question, from) => answer(server, socket, question, from));
  return server;
}

function answer(
  server: NameServer,
  socket: Socket,
  question: Buffer,
  from: { port: number; address: string },
): void {
  const { name, end } = nameIn(question);
  const type = TYPES[question.readUInt16BE(end)] ?? '?';
  server.asked.push(`${type} ${name}`);
  if (server.isSilent) return;
  const said = server.zone[name] ?? 'NXDOMAIN';
  const records =
    typeof said === 'string'
      ? []
      : said.addresses
          .filter((address) => isIPv4(address) === (type === 'A'))
          .map((address) => record(address, said.ttlS));
  const header = Buffer.alloc(HEADER_BYTES);
  question.copy(header, 0, 0, 2);
  // A response, recursion desired and available.
  header.writeUInt16BE(0x8180 | (typeof said === 'string' ? CODES[said] : 0), 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(records.length, 6);
  const asked = question.subarray(HEADER_BYTES, end + 4);
  socket.send(Buffer.concat([header, asked, ...records]), from.port, from.address);
}

function nameIn(question: Buffer): { name: string; end: number } {
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (let length = question[at] ?? 0; length > 0; length = question[at] ?? 0) {
    labels.push(question.toString('latin1', at + 1, at + 1 + length));
    at += length + 1;
  }
  return { name: labels.join('.').toLowerCase(), end: at + 1 };
}

/** One answer about the name of the question, which stands right after the header. */
function record(address: string, ttlS: number): Buffer {
  const data = isIPv4(address) ? Buffer.from(address.split('.').map(Number)) : ipv6(address);
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0xc0_0c, 0);
  head.writeUInt16BE(data.length === 4 ? 1 : 28, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt32BE(ttlS, 6);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}

function ipv6(address: string): Buffer {
  const [before = '', after = ''] = address.split('::');
  const words = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((word) => Number.parseInt(word, 16));
  const [left, right] = [words(before), words(after)];
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => 0);
  const bytes = [...left, ...zeros, ...right].flatMap((word) => [word >> 8, word & 0xff]);
  return Buffer.from(bytes);
}
