import http from 'node:http';
import { until } from '#test/processes.ts';
import { describe, expect, it, onTestFinished } from 'vitest';
import { call, rawClient, GET } from '../../../faults/support/call.ts';
import { type FaultFrontOptions, openFront, routed } from '../../../faults/support/front.ts';
import { type Upstream, startUpstream } from '../forward/harness.ts';
import * as h2 from '../listener/http2-frames.ts';

async function start(overload: NonNullable<FaultFrontOptions['overload']>) {
  const held: http.ServerResponse[] = [];
  const upstream: Upstream = await startUpstream((request, response) => {
    if (request.url === '/held') held.push(response);
    else response.end('ok');
  });
  const dataPlane = routed({ endpoints: [upstream.endpoint] });
  return { front: await openFront({ dataPlane, overload }), upstream, held };
}

describe('where memory runs out', () => {
  it('an answer of HTTP/1.1 is the last on its connection, as long as it does', async () => {
    const load = { closes: false };
    const { front } = await start(load);
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    onTestFinished(() => agent.destroy());
    const ask = () => call(front.port, { agent }).then(({ headers }) => headers.connection);
    expect(await ask()).toBeUndefined();
    load.closes = true;
    expect(await ask()).toBe('close');
    await until('it is closed', () => front.server.connections === 0);
    load.closes = false;
    expect(await ask()).toBeUndefined();
  });

  it('a connection of HTTP/2 ends with the streams that it has', async () => {
    const load = { closes: false };
    const { front, held } = await start(load);
    const raw = new h2.RawClient(front.port);
    const ask = (stream: number, path: string): void => {
      raw.send(h2.headers(stream, [...h2.GET.slice(0, 3), [':path', path]]));
    };
    raw.send(h2.PREFACE, h2.settings());
    ask(1, '/held');
    await until('the first is upstream', () => held.length === 1);
    load.closes = true;
    ask(3, '/');
    await until('the second is answered', () => raw.of(h2.TYPE.data, 3).length > 0);
    await until('it is told to go', () => raw.goaway === 0);
    held[0]?.end('late');
    await until('the first is answered', () => raw.of(h2.TYPE.data, 1).length > 0);
    await until('it is closed', () => raw.closed);
    expect(raw.of(h2.TYPE.reset)).toEqual([]);
  });

  it('new requests are refused before anything is decided, and those in flight go on', async () => {
    const load = { closes: false, sheds: false };
    const { front, upstream, held } = await start(load);
    const first = call(front.port, { path: '/held' });
    await until('it is upstream', () => held.length === 1);
    load.sheds = true;
    const { status, headers } = await call(front.port, { method: 'POST' }, Buffer.from('hello'));
    expect([status, headers['retry-after'], headers.connection]).toEqual([503, '1', 'close']);
    held[0]?.end('late');
    expect((await first).body.toString()).toBe('late');
    expect(upstream.seen).toEqual(['GET /held']);
    await until('the records', () => front.records.length === 2);
    expect(front.records[0]).toMatchObject({ reason: 'overloaded', status: 503, route: '' });
  });
});

describe('where descriptors run out', () => {
  it('the connection idle longest makes room, and nobody else is asked to wait', async () => {
    let short = 0;
    const load = { descriptorsMax: Number.POSITIVE_INFINITY, descriptorsShort: () => short++ };
    const { front } = await start(load);
    const [first, second] = [await rawClient(front.port, GET), await rawClient(front.port, GET)];
    await until('both are idle', () => front.records.length === 2);
    load.descriptorsMax = 0;
    expect((await call(front.port)).status).toBe(200);
    await until('the first has gone', first.closed);
    expect([second.closed(), short]).toEqual([false, 0]);
  });

  it('where none is idle the newcomer is turned away, and who is in goes on', async () => {
    let short = 0;
    const load = { descriptorsMax: Number.POSITIVE_INFINITY, descriptorsShort: () => short++ };
    const { front, held } = await start(load);
    const first = call(front.port, { path: '/held' });
    await until('it is upstream', () => held.length === 1);
    load.descriptorsMax = 0;
    await expect(call(front.port)).rejects.toThrow(/hang up|ECONNRESET/);
    expect([short, front.server.turnedAway]).toEqual([1, 1]);
    held[0]?.end('late');
    expect((await first).body.toString()).toBe('late');
  });
});
