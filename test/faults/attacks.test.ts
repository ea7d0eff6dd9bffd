// Clients that do harm, at a proxy that serves others meanwhile. The attacker has an address of its
// own. What good clients notice is measured in the drill, with the whole depth; held to twice their
// p99 are the slow attacks. A flood that dials anew as fast as it is cut off takes as much of the
// processors as it is given, here as much as the proxy: what that does to others is noted.
import { constants } from 'node:http2';
import { type Socket, connect } from 'node:net';
import { freePort } from '#test/parts.ts';
import { until } from '#test/processes.ts';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startApp, startProxy } from '../integration/proxy/proxy-process.ts';
import * as h2 from '../unit/proxy/listener/http2-frames.ts';
import { GET, isDrill } from './support/call.ts';
import { note } from './support/figures.ts';
import { GoodClients } from './support/load.ts';
import { shopFile } from './support/shop-file.ts';

const { NGHTTP2_ENHANCE_YOUR_CALM: CALM } = constants;
const REQUESTS = isDrill ? 20_000 : 500;
/** A flood leaves the others a part of the processors. */
const REQUESTS_IN_FLOOD = isDrill ? 2_000 : 500;
const FLOOD = { timeout: 180_000 };
const P99_RATIO_MAX = 2;
const ATTACKER = '127.0.0.2';

interface Scene {
  port: number;
  good: GoodClients;
}

async function start(): Promise<Scene> {
  const app = await startApp('echo', (request, response) => {
    if (request.url === '/large') response.end('x'.repeat(4 * 1024 * 1024));
    else request.resume().once('end', () => response.end('ok'));
  });
  const port = await freePort();
  const proxy = startProxy(['--resources', shopFile(port, app.port)]);
  await proxy.ready();
  return { port, good: new GoodClients(port) };
}

/** What good clients get while `attack` runs, beside what they get without. */
async function serveDuring(fault: string, name: string, scene: Scene, attack: () => void) {
  const { good } = scene;
  const count = fault === 'F11' ? REQUESTS : REQUESTS_IN_FLOOD;
  await good.ask(count);
  const before = await good.ask(count);
  attack();
  const during = await good.ask(count);
  expect(during).toMatchObject({ done: count, bad: 0, broken: 0, timedOut: false });
  const ratio = during.p99Us / before.p99Us;
  const inMs = (us: number): string => `${(us / 1_000).toFixed(2)} ms`;
  note(
    ...[fault, `${name}: p99 of good clients`],
    `${inMs(before.p99Us)} alone, ${inMs(during.p99Us)} attacked: × ${ratio.toFixed(2)}`,
  );
  if (isDrill && fault === 'F11') expect(ratio).toBeLessThanOrEqual(P99_RATIO_MAX);
}

describe('F11: slow attacks', () => {
  const COUNT = isDrill ? 1_000 : 200;
  const EVERY_MS = 250;

  it.each<[string, string, string]>([
    ['slow heads', 'GET / HTTP/1.1\r\nHost: shop.example\r\nX: ', 'y'],
    ['slow bodies', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n', 'y'],
    [
      'slow chunks',
      'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n',
      '1\r\ny\r\n',
    ],
    ['slow readers', GET.replace('/ ', '/large '), ''],
    ['silence', '', ''],
  ])('by %s: good clients are served', async (name, first, drip) => {
    const scene = await start();
    const sockets: Socket[] = [];
    let connected = 0;
    const timer = setInterval(() => {
      if (drip !== '') for (const socket of sockets) if (!socket.destroyed) socket.write(drip);
    }, EVERY_MS);
    onTestFinished(() => {
      clearInterval(timer);
      for (const socket of sockets) socket.destroy();
    });
    for (let i = 0; i < COUNT; i++) {
      const socket = connect({ host: '127.0.0.1', port: scene.port, localAddress: ATTACKER });
      socket.on('error', () => socket.destroy());
      socket.once('connect', () => connected++);
      if (name === 'slow readers') socket.pause();
      sockets.push(socket);
    }
    await until('all attackers are in', () => connected === COUNT);
    await serveDuring('F11', `${COUNT} connections of ${name}`, scene, () => {
      for (const socket of sockets) if (first !== '') socket.write(first);
    });
  });
});

describe('F13 and F14: HTTP/2 floods and bombs', () => {
  const LANES = 4;
  const PIECE = 500;
  const END = h2.END_STREAM | h2.END_HEADERS;
  const post = [[':method', 'POST'] as const, ...h2.GET.slice(1)];
  const reset = (i: number): Buffer =>
    Buffer.concat([
      h2.headers(2 * i + 1, h2.GET),
      h2.frame(h2.TYPE.reset, 0, 2 * i + 1, h2.uint32(8)),
    ]);
  const madeReset = (i: number): Buffer =>
    Buffer.concat([
      h2.headers(2 * i + 1, h2.GET),
      h2.frame(h2.TYPE.windowUpdate, 0, 2 * i + 1, h2.uint32(0)),
    ]);
  /** One entry of 4,000 bytes in the dynamic table, then named 12,000 times. */
  const bomb = Buffer.concat([
    h2.block(h2.GET),
    Buffer.concat([Buffer.of(0x40, 1, 0x78, 127, 0xa1, 0x1e), Buffer.alloc(4_000, 97)]),
    Buffer.alloc(12_000, 0x80 | 62),
  ]);

  it.each<[string, string, (i: number) => Buffer]>([
    ['F13', 'rapid reset', reset],
    ['F13', 'MadeYouReset', madeReset],
    ['F13', 'PING', () => h2.frame(h2.TYPE.ping, 0, 0, Buffer.alloc(8))],
    ['F13', 'SETTINGS', () => h2.settings()],
    [
      'F13',
      'empty DATA',
      (i) => (i === 0 ? h2.headers(1, post, h2.END_HEADERS) : h2.frame(0, 0, 1)),
    ],
    ['F14', 'HPACK bombs', (i) => h2.frame(h2.TYPE.headers, END, 2 * i + 1, bomb)],
  ])(
    '%s: %s: the attacker is told to calm down or cut off, others are served',
    FLOOD,
    async (...args) => {
      const [fault, name, bytes] = args;
      const scene = await start();
      let isOver = false;
      const codes = new Set<number>();
      let cutOff = 0;
      /** One connection after the other, each as fast as it is taken. */
      const lane = async (): Promise<void> => {
        while (!isOver) {
          const raw = new h2.RawClient(scene.port, ATTACKER);
          raw.send(h2.PREFACE, h2.settings());
          const size = fault === 'F14' ? 1 : PIECE;
          for (let i = 0; !raw.closed && !isOver && raw.goaway === undefined; i += size) {
            raw.send(...Array.from({ length: size }, (_, j) => bytes(i + j)));
            await new Promise(setImmediate);
            if (raw.socket.writableNeedDrain) await raw.drained();
          }
          for (const { payload } of raw.of(h2.TYPE.goaway)) codes.add(payload.readUInt32BE(4));
          for (const { payload } of raw.of(h2.TYPE.reset)) codes.add(payload.readUInt32BE(0));
          if (!isOver) cutOff++;
          raw.socket.destroy();
        }
      };
      let lanes: Promise<unknown> = Promise.resolve();
      await serveDuring(fault, name, scene, () => {
        lanes = Promise.all(Array.from({ length: LANES }, lane));
      });
      // MadeYouReset and empty frames end inside nghttp2, with the code that it chose.
      const isTold = name !== 'MadeYouReset' && name !== 'empty DATA';
      await until('the attackers have been cut off', () => cutOff >= LANES);
      // The first of a flood of PINGs may meet nghttp2's own bound, before any meets ours.
      if (isTold) await until('one is told to calm down', () => codes.has(CALM));
      isOver = true;
      await lanes;
      if (isTold) expect([...codes]).toContain(CALM);
      note(fault, name, `${cutOff} connections cut off`);
    },
  );
});
