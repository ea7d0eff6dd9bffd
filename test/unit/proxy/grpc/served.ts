import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { until } from '#test/processes.ts';
import { type FrontOptions, startFront } from '../forward/harness.ts';
import { startHttp2Upstream } from '../forward/http2-upstream.ts';

export type Serve = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

/** A proxy before a server of calls, and what it records of the first one. */
export async function startServed(serve: Serve, options: Partial<FrontOptions> = {}) {
  const upstream = await startHttp2Upstream(serve, {}, options.endpoint?.proxy);
  const front = await startFront({
    ...{ limits: { headTimeoutMs: 5_000 } },
    ...{ ...options, endpoint: upstream.endpoint },
  });
  const record = async () => {
    await until('the record', () => front.records.length > 0);
    const [exchange] = front.records;
    return { reason: exchange?.reason, status: exchange?.status, grpc: exchange?.grpcStatus };
  };
  return { port: front.port, front, upstream, record };
}
