// New connections over TLS, in a process of its own: each makes a handshake, sends one request,
// reads the answer to its end and closes. Takes one order at a time from its parent.
import { type SecureContext, connect, createSecureContext } from 'node:tls';
import { sentence } from '#local/errors.ts';

export interface ConnectionOrder {
  port: number;
  /** PEM: whom the certificate is verified by. */
  authority: string;
  serverName: string;
  count: number;
  /** Open at a time. */
  parallel: number;
  /** Each resumes the session that one connection before was given. */
  resumes: boolean;
}

export interface ConnectionReport {
  /** Answered with 200. */
  done: number;
  /** Of these, on a session that was resumed. */
  resumed: number;
  ms: number;
  /** Why the first of those that failed did so. */
  failure: string | undefined;
}

interface Session {
  context: SecureContext;
  /** Absent: a full handshake. */
  ticket: Buffer | undefined;
}

interface Outcome {
  resumed: boolean;
  /** The last one that came. */
  ticket: Buffer | undefined;
}

const CONNECTION_TIMEOUT_MS = 10_000;

function connectOnce(order: ConnectionOrder, { context, ticket }: Session): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const { port, serverName: servername } = order;
    let text = '';
    const outcome: Outcome = { resumed: false, ticket: undefined };
    const socket = connect({
      ...{ host: '127.0.0.1', port, servername, secureContext: context },
      ...{ minVersion: 'TLSv1.3', ALPNProtocols: ['http/1.1'] },
      ...(ticket === undefined ? {} : { session: ticket }),
    });
    socket.setTimeout(CONNECTION_TIMEOUT_MS, () => socket.destroy(new Error('no answer in time')));
    socket.on('session', (given: Buffer) => (outcome.ticket = given));
    socket.once('secureConnect', () => {
      outcome.resumed = socket.isSessionReused();
      socket.write(
        `GET /api/users/42 HTTP/1.1\r\nhost: ${servername}\r\nconnection: close\r\n\r\n`,
      );
    });
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    socket.once('error', reject);
    socket.once('close', () => {
      if (text.startsWith('HTTP/1.1 200')) resolve(outcome);
      else reject(new Error(`answered with ${text.slice(0, 20) || 'nothing'}`));
    });
  });
}

async function run(order: ConnectionOrder): Promise<ConnectionReport> {
  const context = createSecureContext({ ca: order.authority });
  const session: Session = { context, ticket: undefined };
  const report: ConnectionReport = { done: 0, resumed: 0, ms: 0, failure: undefined };
  if (order.resumes) session.ticket = (await connectOnce(order, session)).ticket;
  const startedMs = performance.now();
  let begun = 0;
  const connectOn = async (): Promise<void> => {
    while (begun < order.count) {
      begun++;
      const { resumed } = await connectOnce(order, session);
      report.done++;
      if (resumed) report.resumed++;
    }
  };
  try {
    await Promise.all(Array.from({ length: order.parallel }, connectOn));
  } catch (error) {
    report.failure = sentence(error);
  }
  report.ms = performance.now() - startedMs;
  return report;
}

process.on('message', (order: ConnectionOrder) => {
  void run(order)
    .catch((error: unknown): ConnectionReport => {
      const failure = sentence(error);
      return { done: 0, resumed: 0, ms: 0, failure };
    })
    .then((report) => process.send?.(report));
});
process.on('disconnect', () => process.exit(0));
