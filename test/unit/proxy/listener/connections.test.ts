import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { Connections } from '#proxy/listener/connections.ts';
import { describe, expect, it } from 'vitest';

class TestSocket extends EventEmitter {
  readonly remoteAddress: string;
  destroyed = false;

  constructor(remoteAddress: string) {
    super();
    this.remoteAddress = remoteAddress;
  }

  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

const socketFrom = (address: string): TestSocket & Socket =>
  new TestSocket(address) as unknown as TestSocket & Socket;

describe('Connections', () => {
  it('makes room by closing the connection that has been idle longest', () => {
    const connections = new Connections(() => ({ connections: 2, connectionsPerAddress: 2 }));
    const [first, second, third] = [socketFrom('a'), socketFrom('b'), socketFrom('c')];
    connections.admit(first);
    connections.admit(second);
    connections.begin(first);
    connections.end(first);
    expect(connections.admit(third)).toBe(true);
    expect([first.destroyed, second.destroyed]).toEqual([false, true]);
    expect(connections.size).toBe(2);
  });

  it('turns a newcomer away when none is idle', () => {
    const connections = new Connections(() => ({ connections: 1, connectionsPerAddress: 1 }));
    const [busy, late] = [socketFrom('a'), socketFrom('b')];
    connections.admit(busy);
    connections.begin(busy);
    expect(connections.admit(late)).toBe(false);
    expect([busy.destroyed, late.destroyed]).toEqual([false, true]);
    expect(connections.turnedAway).toBe(1);
  });

  it('holds one address to its share and leaves others alone', () => {
    const connections = new Connections(() => ({ connections: 10, connectionsPerAddress: 1 }));
    const [other, first, second] = [socketFrom('b'), socketFrom('a'), socketFrom('a')];
    connections.admit(other);
    connections.admit(first);
    expect(connections.admit(second)).toBe(true);
    expect([other.destroyed, first.destroyed, second.destroyed]).toEqual([false, true, false]);
    second.destroy();
    other.destroy();
    expect(connections.size).toBe(0);
  });
});
