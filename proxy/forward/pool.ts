import { Agent, type ClientRequest } from 'node:http';
import type { Socket } from 'node:net';

/** Idle connections kept per endpoint. Those in use are bounded by the circuit limit. */
const IDLE_PER_ENDPOINT_MAX = 256;
/** Many servers drop a quiet connection after 5 s without saying so: let it go before they do. */
const IDLE_UNANNOUNCED_MS = 4_000;
const IDLE_ANNOUNCED_MAX_MS = 60_000;
/** How much earlier than announced an idle connection is given up. */
const IDLE_MARGIN_MS = 1_000;

/**
 * Kept connections to endpoints, newest first. How long an idle one is kept follows what the
 * server's Keep-Alive field says, and is short when it says nothing: a request on a connection
 * that the server is just closing is lost.
 */
export class UpstreamPool extends Agent {
  constructor() {
    super({
      keepAlive: true,
      maxFreeSockets: IDLE_PER_ENDPOINT_MAX,
      scheduling: 'lifo',
    });
  }

  override keepSocketAlive(socket: Socket): boolean {
    const idleMs = announcedIdleMs(socket) ?? IDLE_UNANNOUNCED_MS;
    if (idleMs <= 0) return false;
    socket.setKeepAlive(true, 30_000);
    socket.unref();
    socket.setTimeout(idleMs);
    return true;
  }

  /** Closes the idle connections to an endpoint, for one of them has proved stale. */
  forget(address: string, port: number): void {
    const name = this.getName({ host: address, port });
    for (const socket of [...(this.freeSockets[name] ?? [])]) socket.destroy();
  }
}

/** The socket's own back reference to the message it served, as node:http's Agent uses it. */
interface Served {
  _httpMessage?: (ClientRequest & { res?: { headers: Record<string, unknown> } }) | null;
}

function announcedIdleMs(socket: Socket): number | undefined {
  const hint = (socket as Served)._httpMessage?.res?.headers['keep-alive'];
  const seconds = typeof hint === 'string' ? /\btimeout=([0-9]{1,6})/i.exec(hint)?.[1] : undefined;
  if (seconds === undefined) return undefined;
  return Math.min(Number(seconds) * 1_000 - IDLE_MARGIN_MS, IDLE_ANNOUNCED_MAX_MS);
}
