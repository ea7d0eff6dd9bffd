import { decodeEvent } from '#platform/config-log/event.ts';
import { meshSubjects } from '#contracts/subjects.ts';
import { MeshState } from '#platform/state.ts';
import { eventually } from '#test/eventually.ts';
import { connect } from 'nats';
import { expect } from 'vitest';

/**
 * What the log itself says, read message by message without any code of a service: its change-sets
 * continue from one another, and none stands there twice.
 */
export async function replay(
  url: string,
  mesh: string,
): Promise<{ state: MeshState; ids: string[] }> {
  const messages = await eventually(() => messagesOf(url, mesh), {
    // A node that has come back answers 503 until it has found the others.
    ...{ what: 'the config log can be read', timeoutMs: 20_000 },
  });
  const state = new MeshState();
  const ids: string[] = [];
  for (const [at, data] of messages.entries()) {
    const sequence = at + 1;
    const decoded = decodeEvent(data, { mesh, epoch: 1, sequence, trust: undefined });
    if (decoded.kind !== 'event') throw new Error(`message ${sequence}: ${decoded.why}`);
    const { event } = decoded;
    expect(event.previousDigest).toBe(state.digest);
    state.apply({ sequence, ...event });
    expect(event.digest).toBe(state.digest);
    ids.push(event.id);
  }
  expect(new Set(ids).size).toBe(ids.length);
  return { state, ids };
}

async function messagesOf(url: string, mesh: string): Promise<Uint8Array[]> {
  const connection = await connect({ servers: url.split(',') });
  try {
    const manager = await connection.jetstreamManager();
    const { config } = meshSubjects(mesh).streams;
    const info = await manager.streams.info(config);
    const messages: Uint8Array[] = [];
    for (let sequence = 1; sequence <= info.state.last_seq; sequence++) {
      messages.push((await manager.streams.getMessage(config, { seq: sequence })).data);
    }
    return messages;
  } finally {
    await connection.close();
  }
}
