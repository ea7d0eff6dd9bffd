import { decodeEvent } from '#platform/config-log/event.ts';
import { meshSubjects } from '#contracts/subjects.ts';
import { MeshState } from '#platform/state.ts';
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
  const connection = await connect({ servers: url.split(',') });
  try {
    const manager = await connection.jetstreamManager();
    const { config } = meshSubjects(mesh).streams;
    const info = await manager.streams.info(config);
    const state = new MeshState();
    const ids: string[] = [];
    for (let sequence = 1; sequence <= info.state.last_seq; sequence++) {
      const { data } = await manager.streams.getMessage(config, { seq: sequence });
      const decoded = decodeEvent(data, mesh, 1);
      if (decoded.kind !== 'event') throw new Error(`message ${sequence}: ${decoded.why}`);
      const { event } = decoded;
      expect(event.previousDigest).toBe(state.digest);
      state.apply({ sequence, ...event });
      expect(event.digest).toBe(state.digest);
      ids.push(event.id);
    }
    expect(new Set(ids).size).toBe(ids.length);
    return { state, ids };
  } finally {
    await connection.close();
  }
}
