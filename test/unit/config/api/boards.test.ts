import type { ServerResponse } from 'node:http';
import { PassThrough } from 'node:stream';
import type { ReceiptBoard } from '#contracts/api/config.ts';
import { FakeClock } from '#platform/clock.ts';
import { beforeEach, expect, test } from 'vitest';
import { BoardStreams } from '../../../../services/config/api/boards.ts';

let clock: FakeClock;
let boards: BoardStreams;
let board: ReceiptBoard;
let response: PassThrough & { writeHead: () => void };
let sent: string;

beforeEach(() => {
  clock = new FakeClock();
  boards = new BoardStreams(clock);
  board = { revision: '1-1', done: false, items: [] };
  response = Object.assign(new PassThrough(), { writeHead: () => undefined });
  sent = '';
  response.on('data', (chunk: Buffer) => {
    sent += chunk.toString();
  });
});

const open = (): void => boards.open(response as unknown as ServerResponse, () => board);
const events = (): number => sent.split('data: ').length - 1;

test('a board is sent at once and again only when it looks different', () => {
  open();
  expect(events()).toBe(1);
  boards.news();
  clock.advance(1_000);
  expect(events()).toBe(1);
  board = { ...board, items: [{ proxy: 'a', state: 'pending' }] };
  for (let i = 0; i < 100; i++) boards.news();
  clock.advance(1_000);
  expect(events()).toBe(2);
});

test('a board that is done ends its stream', () => {
  open();
  board = { ...board, done: true };
  boards.news();
  clock.advance(50);
  expect(response.writableEnded).toBe(true);
});

test('a silent stream is kept alive, and ends after an hour', () => {
  open();
  clock.advance(15_000);
  expect(sent).toContain(': still here\n\n');
  clock.advance(60 * 60_000);
  expect(response.writableEnded).toBe(true);
});

test('a reader who reads nothing is let go', () => {
  const mute = Object.assign(new PassThrough({ highWaterMark: 1 }), {
    writeHead: () => undefined,
  });
  boards.open(mute as unknown as ServerResponse, () => board);
  const message = 'x'.repeat(300_000);
  for (let i = 0; i < 6 && !mute.destroyed; i++) {
    board = { ...board, revision: `${i}${message}` };
    boards.news();
    clock.advance(50);
  }
  expect(mute.destroyed).toBe(true);
});

test('a stream that the reader closed is forgotten', async () => {
  open();
  response.destroy();
  await new Promise((resolve) => response.once('close', resolve));
  board = { ...board, items: [{ proxy: 'a', state: 'pending' }] };
  boards.news();
  clock.advance(60_000);
  expect(events()).toBe(1);
});
