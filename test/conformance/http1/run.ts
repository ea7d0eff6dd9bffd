import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, type Case, type Expectation, type Seen, head } from './case.ts';
import { differences, matches } from './compare.ts';
import type { Pipe } from './pipe.ts';
import { type Read, readMessage } from './reader.ts';
import { AGAIN, type Arrived, PROBE, Story } from './upstream.ts';
import { World } from './world.ts';

/** Runs the cases of a topic one after the other against one proxy of their own. */
export function conform(topic: string, cases: readonly Case[]): void {
  describe(`HTTP/1.1: ${topic}`, () => {
    const world = new World();
    beforeAll(() => world.start());
    afterAll(() => world.stop());
    it.each(cases.map((each) => [`${each.name} (${each.rfc})`, each] as const))(
      '%s',
      async (_name, each) => {
        expect(await run(world, each)).toEqual([]);
      },
    );
  });
}

/** What is wrong with how the proxy took a case; and the bytes, when anything is. */
async function run(world: World, each: Case): Promise<string[]> {
  const story = new Story(each.upstream, world.barrier);
  const { problems } = story;
  world.upstream.story = story;
  const client = await world.open();
  const note = (error: unknown): unknown =>
    problems.push(error instanceof Error ? error.message : String(error));
  try {
    await client.take(each.client, 0, story);
    const rest = await checkClient(client, each.expect, problems);
    // Before another request: what comes unasked may come late.
    if (each.expect.upstreamClosed) await story.letGo();
    await checkConnection(client, rest, each.expect, problems);
    await checkUpstream(story, each.expect, problems);
  } catch (error) {
    note(error);
  }
  client.socket.destroy();
  await probe(world).catch(note);
  await world.upstream.settle().catch(note);
  // What this case let through may have come late, but not later than the probe.
  if (each.expect.upstream === 'nothing' && story.arrived.length > 0) {
    problems.push('upstream: something arrived');
  }
  if (problems.length > 0) {
    problems.push(`client got ${JSON.stringify(client.text.slice(0, 2_000))}`);
    for (const { read } of story.arrived) problems.push(`upstream got ${JSON.stringify(read())}`);
  }
  return [...new Set(problems)];
}

/** Checks the answers; resolves with where they end. */
async function checkClient(
  client: Pipe,
  expected: Expectation,
  problems: string[],
): Promise<number> {
  if (expected.client === 'whatever') return client.text.length;
  const wanted: readonly Answer[] =
    expected.client === 'nothing' ? [] : ([expected.client].flat() as Answer[]);
  let at = 0;
  for (const [index, answer] of wanted.entries()) {
    const read = await readAnswer(client, at, answer, expected.mayContinue === true);
    at = read.end;
    const who = `answer ${index + 1}`;
    const status = Number(read.line.slice(9, 12));
    if (![answer.status].flat().includes(status)) problems.push(`${who}: ${read.line}`);
    if (answer.line !== undefined && !matches(read.line, answer.line)) {
      problems.push(`${who}: its line is ${JSON.stringify(read.line)}`);
    }
    const after = client.text.slice(at);
    problems.push(...differences(who, read, answer, after));
    if (answer.tunnel !== undefined) at = client.text.length;
  }
  return at;
}

async function readAnswer(
  client: Pipe,
  start: number,
  answer: Answer,
  mayContinue: boolean,
): Promise<Read> {
  let read: Read | undefined;
  let at = start;
  await client.when(`an answer ${String(answer.status)}`, () => {
    const how = {
      kind: 'answer',
      bodyless: answer.bodyless === true,
      ended: client.ended,
    } as const;
    read = readMessage(client.text, at, how);
    if (read === undefined) {
      if (client.ended) throw new Error('closed without a whole answer');
      return false;
    }
    if (mayContinue && read.line.startsWith('HTTP/1.1 100 ')) {
      at = read.end;
      read = readMessage(client.text, at, how);
      if (read === undefined) return false;
    }
    const tunnelled = client.text.length - read.end;
    return client.ended || (read.isComplete && tunnelled >= (answer.tunnel?.length ?? 0));
  });
  if (read === undefined) throw new Error('no answer');
  return read;
}

/** Closed, or good for another request, as expected; nothing more was said in either case. */
async function checkConnection(
  client: Pipe,
  rest: number,
  { closed = false, client: answers }: Expectation,
  problems: string[],
): Promise<void> {
  if (closed === 'either') return;
  if (closed) {
    await client.when('the proxy to close the connection', () => client.ended);
    const more = answers === 'whatever' ? '' : client.text.slice(rest);
    if (more !== '') problems.push(`more was said: ${JSON.stringify(more)}`);
    return;
  }
  client.socket.write(head(`GET ${AGAIN}`));
  const read = await readAnswer(client, rest, { status: 200 }, false);
  if (read.body !== AGAIN) problems.push(`the next answer on the connection is ${read.line}`);
}

async function checkUpstream(
  story: Story,
  { upstream, upstreamClosed }: Expectation,
  problems: string[],
): Promise<void> {
  if (upstream === 'nothing whole') {
    for (const { connection, read } of story.arrived) {
      const { pipe } = connection;
      await pipe.when('the proxy to close the broken request', () => pipe.closed);
      if (read().isComplete) problems.push('upstream: the request has a clean end');
    }
  } else if (upstream !== undefined && upstream !== 'nothing') {
    const wanted = [upstream].flat() as Seen[];
    if (story.arrived.length !== wanted.length) {
      problems.push(`upstream: ${story.arrived.length} requests, not ${wanted.length}`);
    }
    for (const [index, arrived] of story.arrived.entries()) {
      const seen = wanted[index];
      if (seen !== undefined) await checkSeen(arrived, seen, index, problems);
    }
  }
  if (upstreamClosed !== false) return;
  for (const { connection } of story.arrived) {
    if (!story.again.includes(connection)) problems.push('upstream: connection not reused');
  }
}

async function checkSeen(
  { connection, read, after }: Arrived,
  seen: Seen,
  index: number,
  problems: string[],
): Promise<void> {
  const { pipe } = connection;
  if (seen.aborted) await pipe.when('the request to break off', () => pipe.closed);
  const { tunnel } = seen;
  if (tunnel !== undefined)
    await pipe.when(`the tunnel to carry ${tunnel}`, () => {
      return after().length >= tunnel.length;
    });
  const who = `request ${index + 1}`;
  const message = read();
  if (seen.line !== undefined && message.line !== seen.line) {
    problems.push(`${who}: its line is ${JSON.stringify(message.line)}`);
  }
  problems.push(...differences(who, message, seen, after()));
}

/** After every case a good client gets its own answer, and no other. */
async function probe(world: World): Promise<void> {
  const pipe = await world.open();
  pipe.socket.write(head(`GET ${PROBE}`, 'Connection: close'));
  await pipe.when('the probe to be answered', () => pipe.ended);
  const read = readMessage(pipe.text, 0, { kind: 'answer', bodyless: false, ended: true });
  pipe.socket.destroy();
  const isRight = read?.isComplete === true && read.body === PROBE;
  if (!isRight || read.end !== pipe.text.length) {
    throw new Error(`the probe after the case got ${JSON.stringify(pipe.text)}`);
  }
}
