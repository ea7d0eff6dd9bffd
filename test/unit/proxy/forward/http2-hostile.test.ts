// What an upstream may send around the end of an upload that waits for room: node has ended the
// process in an assertion for less.
import { expect, test } from 'vitest';
import { frame, headers, TYPE, uint32 } from '../listener/http2-frames.ts';
import { startFront } from './harness.ts';
import { startPeer } from './http2-peer.ts';
import { askHttp1 } from './http2-upstream.ts';

const CANCEL = 8;
const WINDOW_BYTES = 65_535;
const OK = [[':status', '200']] as const;
const room = (stream: number): Buffer =>
  Buffer.concat([stream, 0].map((each) => frame(TYPE.windowUpdate, 0, each, uint32(200_000))));
const reset = (stream: number): Buffer => frame(TYPE.reset, 0, stream, uint32(CANCEL));
const goaway = (last: number): Buffer =>
  frame(TYPE.goaway, 0, 0, Buffer.concat([uint32(last), uint32(CANCEL)]));
const ANY = 2 ** 31 - 1;

type Frames = (stream: number) => Buffer[];

const CASES: readonly (readonly [string, number, string, Frames])[] = [
  ['room, and leaves', 502, 'upstream_reset', (id) => [room(id), goaway(ANY)]],
  ['leaves, and room', 502, 'upstream_reset', (id) => [goaway(ANY), room(id)]],
  ['room, and refuses', 502, 'upstream_reset', (id) => [room(id), goaway(0)]],
  ['room, and a reset', 502, 'upstream_reset', (id) => [room(id), reset(id)]],
  ['room, and an answer', 200, 'ok', (id) => [room(id), headers(id, OK)]],
  ['an answer, and room', 200, 'ok', (id) => [headers(id, OK), room(id)]],
  ['an answer, and a reset', 200, 'ok', (id) => [room(id), headers(id, OK), reset(id)]],
  ['no answer', 502, 'upstream_invalid', (id) => [headers(id, [[':status', '101']]), room(id)]],
];

test.each(CASES)('%s', async (_name, status, reason, frames) => {
  for (const body of [Buffer.alloc(100_000), [Buffer.alloc(100_000)], [Buffer.alloc(66_000)]]) {
    let received = 0;
    const peer = await startPeer((got, connection) => {
      if (got.type !== TYPE.data) return;
      received += got.payload.length;
      if (received === WINDOW_BYTES) connection.send(...frames(got.stream));
    });
    const front = await startFront({ ...peer, isHttp2Backend: true });
    const answer = await askHttp1(front.port, { method: 'POST', body });
    expect(answer.status).toBe(status);
    expect(front.records.map((record) => record.reason)).toEqual([reason]);
  }
});
