// A server that speaks HTTP/2 frame by frame, for what node's own refuses to do.
import type { Socket } from 'node:net';
import type { Endpoint } from '#contracts/events.ts';
import {
  type Frame,
  PREFACE,
  TYPE,
  frame,
  readFrames,
  settings,
} from '../listener/http2-frames.ts';
import { startRawUpstream } from './harness.ts';

export interface PeerConnection {
  socket: Socket;
  /** Of all that came but the preface. */
  frames: Frame[];
  send(...parts: Buffer[]): void;
}

export interface Peer {
  endpoint: Endpoint;
  connections: PeerConnection[];
}

/** `onFrame` is called with each frame; settings are sent and acknowledged. */
export async function startPeer(
  onFrame: (frame: Frame, connection: PeerConnection, number: number) => void,
): Promise<Peer> {
  const connections: PeerConnection[] = [];
  const endpoint = await startRawUpstream((socket) => {
    const connection: PeerConnection = {
      socket,
      frames: [],
      send: (...parts) => {
        if (!socket.destroyed) socket.write(Buffer.concat(parts));
      },
    };
    const number = connections.push(connection);
    let isPreface = true;
    let held = Buffer.of();
    connection.send(settings());
    socket.on('data', (chunk: Buffer) => {
      held = Buffer.concat([held, chunk]);
      if (isPreface) {
        if (held.length < PREFACE.length) return;
        isPreface = false;
        held = held.subarray(PREFACE.length);
      }
      const read = readFrames(held);
      held = Buffer.from(read.rest);
      for (const each of read.frames) {
        connection.frames.push(each);
        if (each.type === TYPE.settings && each.flags === 0) {
          connection.send(frame(TYPE.settings, 1, 0));
        }
        onFrame(each, connection, number);
      }
    });
  });
  return { endpoint, connections };
}
