import { HeaderList } from '#proxy/headers.ts';
import { RandomHex, formatTraceParent, readTrace } from '#proxy/listener/trace.ts';
import { describe, expect, it } from 'vitest';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT = '00f067aa0ba902b7';
const hex = new RandomHex();
const read = (...raw: string[]) => readTrace(HeaderList.fromRaw(raw), hex);

describe('readTrace', () => {
  it('is a child of a well-formed parent and keeps its state and flag', () => {
    const trace = read('traceparent', `00-${TRACE}-${PARENT}-00`, 'tracestate', 'a=1');
    expect(trace).toMatchObject({
      traceId: TRACE,
      parentId: PARENT,
      sampled: false,
      state: 'a=1',
    });
    expect(trace.spanId).toMatch(/^[0-9a-f]{16}$/);
    expect(trace.spanId).not.toBe(PARENT);
    expect(formatTraceParent(trace)).toBe(`00-${TRACE}-${trace.spanId}-00`);
  });

  it('reads the fields it knows of a later version', () => {
    expect(read('traceparent', `01-${TRACE}-${PARENT}-03-more`)).toMatchObject({
      traceId: TRACE,
      sampled: true,
    });
  });

  it.each([
    '',
    'x',
    `ff-${TRACE}-${PARENT}-01`,
    `00-${TRACE}-${PARENT}-01-more`,
    `00-${'0'.repeat(32)}-${PARENT}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `00-${TRACE.toUpperCase()}-${PARENT}-01`,
    `00-${TRACE}-${PARENT}-01, 00-${TRACE}-${PARENT}-01`,
  ])('begins a trace of its own after %j', (parent) => {
    const trace = read('traceparent', parent, 'tracestate', 'a=1');
    expect(trace).toMatchObject({ parentId: '', sampled: true, state: '' });
    expect(trace.traceId).not.toBe(TRACE);
    expect(trace.traceId).toMatch(/^[0-9a-f]{32}$/);
  });
});
