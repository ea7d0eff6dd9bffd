import { createServer } from 'node:http';
import type { AlertNotification } from '#contracts/api/alerting.ts';

/** The demo's pager: a webhook that gives every new notification to a function, once. */
export interface Oncall {
  url: string;
  stop: () => Promise<void>;
}

const BODY_CHARS_MAX = 1024 * 1024;
/** Retries of a notification carry its id; this many are remembered. */
const REMEMBERED_MAX = 1_000;

export async function startOncall(
  port: number,
  onNotification: (notification: AlertNotification) => void,
): Promise<Oncall> {
  const seen = new Set<string>();
  const server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => {
      text += chunk;
      if (text.length > BODY_CHARS_MAX) request.destroy();
    });
    request.on('end', () => {
      const notification = read(text);
      response.writeHead(notification === undefined ? 400 : 204).end();
      if (notification === undefined || seen.has(notification.notificationId)) return;
      seen.add(notification.notificationId);
      const [oldest] = seen;
      if (seen.size > REMEMBERED_MAX && oldest !== undefined) seen.delete(oldest);
      onNotification(notification);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', resolve);
  });
  const address = server.address();
  const actual = typeof address === 'object' && address !== null ? address.port : port;
  return {
    url: `http://127.0.0.1:${actual}/alerts`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function read(text: string): AlertNotification | undefined {
  try {
    const value = JSON.parse(text) as Partial<AlertNotification> | null;
    const whole = typeof value?.notificationId === 'string' && typeof value.alert === 'object';
    return whole ? (value as AlertNotification) : undefined;
  } catch {
    return undefined; // Not JSON: answered 400.
  }
}
