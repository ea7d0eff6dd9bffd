import { VERSION } from '#contracts/version.ts';
import type { TelemetryIdentity } from '../types.ts';
import { SPAN_FIELDS, type SpanField, isError } from './spans.ts';

/** OTLP/HTTP in its JSON form (opentelemetry-proto, trace/v1). */
interface Attribute {
  key: string;
  value: { stringValue: string } | { intValue: string };
}

const KIND_SERVER = 2;
const STATUS_ERROR = 2;
/** Methods that a span may name; anything else is `_OTHER` (HTTP semantic conventions). */
const METHODS = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'CONNECT',
  'OPTIONS',
  'TRACE',
  'PATCH',
]);

/** The body of one export: spans given as rows of SPAN_FIELDS. */
export function otlpBody(
  identity: TelemetryIdentity,
  fields: readonly (string | number)[],
): unknown {
  const width = SPAN_FIELDS.length;
  const spans = Array.from({ length: Math.floor(fields.length / width) }, (_, row) =>
    otlpSpan(fields.slice(row * width, (row + 1) * width)),
  );
  const resource = {
    'service.name': identity.proxy,
    'service.namespace': identity.mesh,
    'service.instance.id': `${identity.instance}/${identity.worker}`,
    'service.version': VERSION,
    'windrose.role': identity.role,
    'windrose.workload': identity.workload,
    'windrose.zone': identity.zone,
  };
  return {
    resourceSpans: [
      {
        resource: { attributes: attributesOf(resource) },
        scopeSpans: [{ scope: { name: 'windrose.proxy', version: VERSION }, spans }],
      },
    ],
  };
}

function otlpSpan(row: readonly (string | number)[]): unknown {
  const value = (field: SpanField): string | number => row[SPAN_FIELDS.indexOf(field)] ?? '';
  const text = (field: SpanField): string => String(value(field));
  const number = (field: SpanField): number => Number(value(field));
  const isStream = text('scheme') === '';
  const method = isStream ? '' : methodOf(text('method'));
  const error = isError(number('status'), text('reason'));
  const spanMethod = method === '_OTHER' ? 'HTTP' : method;
  const what = isStream ? text('protocol') : spanMethod;
  return {
    traceId: text('traceId'),
    spanId: text('spanId'),
    ...(text('parentId') === '' ? {} : { parentSpanId: text('parentId') }),
    ...(text('state') === '' ? {} : { traceState: text('state') }),
    name: `${what} ${text('pathTemplate')}`.trimEnd(),
    kind: KIND_SERVER,
    startTimeUnixNano: nanos(number('startUs')),
    endTimeUnixNano: nanos(number('endUs')),
    attributes: spanAttributes(method, error, text, number),
    status: error ? { code: STATUS_ERROR } : {},
  };
}

function methodOf(method: string): string {
  return METHODS.has(method) ? method : '_OTHER';
}

function spanAttributes(
  method: string,
  error: boolean,
  text: (field: SpanField) => string,
  number: (field: SpanField) => number,
): Attribute[] {
  const [name = '', version = ''] = text('protocol').split('/');
  return attributesOf({
    'http.request.method': method,
    'http.request.method_original': method === '_OTHER' ? text('method') : '',
    'http.response.status_code': number('status'),
    'http.route': text('pathTemplate'),
    'http.request.resend_count': number('retries'),
    'url.scheme': text('scheme'),
    'url.path': text('path'),
    'server.address': text('host'),
    'server.port': number('port'),
    'client.address': text('clientAddress'),
    'network.protocol.name': name,
    'network.protocol.version': version,
    'error.type': error ? (number('status') > 0 ? text('status') : text('reason')) : '',
    'windrose.reason': text('reason'),
    'windrose.direction': text('direction'),
    'windrose.route': text('route'),
    'windrose.backend': text('backend'),
    'windrose.endpoint': text('endpoint'),
    'windrose.consumer': text('consumer'),
    'windrose.source': text('source'),
    'windrose.destination': text('destination'),
    'windrose.revision': text('revision'),
    'windrose.request_id': text('requestId'),
  });
}

/** What is empty, or a 0 that only says "none", is left out. */
function attributesOf(values: Record<string, string | number>): Attribute[] {
  return Object.entries(values)
    .filter(([, value]) => value !== '' && value !== 0)
    .map(([key, value]) => ({
      key,
      value: typeof value === 'string' ? { stringValue: value } : { intValue: String(value) },
    }));
}

/** µs since 1970 as OTLP's decimal text of nanoseconds, which no number holds exactly. */
function nanos(us: number): string {
  return (BigInt(Math.round(us)) * 1_000n).toString();
}
