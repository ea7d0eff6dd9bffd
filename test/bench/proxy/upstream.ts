// The smallest upstream: it answers every request (none has a body) with the same 200 bytes, and
// tells its parent the port that it got. Its own process, so that the proxy's cost is the proxy's.
import { createServer } from 'node:net';

const BODY = JSON.stringify({ id: 42, name: 'Ada Lovelace', note: 'x'.repeat(157) });
const REPLY = Buffer.from(
  'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n' +
    `content-length: ${BODY.length}\r\n\r\n${BODY}`,
);
const HEAD_END = '\r\n\r\n';
/** Of a head that has not ended yet, this much could be the beginning of its end. */
const KEPT = HEAD_END.length - 1;

const server = createServer({ noDelay: true }, (socket) => {
  let rest = '';
  socket.on('data', (chunk: Buffer) => {
    const text = rest + chunk.toString('latin1');
    const heads = text.split(HEAD_END).length - 1;
    for (let i = 0; i < heads; i++) socket.write(REPLY);
    const after = text.slice(text.lastIndexOf(HEAD_END) + (heads > 0 ? HEAD_END.length : 1));
    rest = after.slice(-KEPT);
  });
  socket.on('error', () => socket.destroy()); // The proxy went first: the run is over.
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address !== null && typeof address === 'object') process.send?.(address.port);
});
process.on('disconnect', () => process.exit(0));
