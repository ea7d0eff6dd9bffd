import type { FastifyInstance } from 'fastify';
import Type from 'typebox';
import {
  type AuditResponse,
  EraseRequest,
  type EraseResponse,
  type GraphResponse,
  HeatmapQuery,
  type HeatmapResponse,
  RecordsQuery,
  type RecordsResponse,
  SeriesQuery,
  type SeriesResponse,
  SqlRequest,
  type SqlResponse,
  TotalsQuery,
  type TotalsResponse,
} from '#contracts/api/analytics.ts';
import { HealthQuery, type HealthResponse } from '#contracts/api/health.ts';
import { callerOf } from '#platform/access/guard.ts';
import type { ClickHouse } from '#platform/clickhouse.ts';
import type { Clock } from '#platform/clock.ts';
import { HttpProblem } from '#platform/http.ts';
import type { Log } from '#platform/log.ts';
import { requireTraffic } from './access.ts';
import { readAudit } from './audit.ts';
import { eraseAddress } from './erase.ts';
import { freshnessReader } from './freshness.ts';
import { readGraph } from './graph.ts';
import { readHealth } from './health.ts';
import { readHeatmap } from './heatmap.ts';
import type { SqlQuota } from './quota.ts';
import { readRecords } from './records.ts';
import { readSeries } from './series.ts';
import { filterSql } from './source.ts';
import { type Reader, runSql } from './sql.ts';
import { streamTap } from './tap.ts';
import { readTotals, totalsResponse } from './totals.ts';

export const DESCRIPTION =
  'Totals, series and top-N of the traffic of one mesh, its records, who calls whom, and whether ' +
  'every record is accounted for';

export interface ApiParts {
  clickhouse: ClickHouse;
  /** Who answers `POST /v1/query`. */
  reader: Reader;
  /** Tables are changed by hand there. */
  onCluster: boolean;
  /** How much of that each caller may ask. */
  quota: SqlQuota;
  clock: Clock;
  /** Aborted when the service stops: ends streams. */
  stopping: AbortSignal;
  log: Log;
}

const RangeQuery = Type.Object(
  { from: Type.Optional(Type.String()), to: Type.Optional(Type.String()) },
  { additionalProperties: false },
);
type RangeQuery = Type.Static<typeof RangeQuery>;

/** The default of `top`, which without a group would be `totals`. */
const TOP_BY = 'route';
const TAPS_MAX = 20;

export function addRoutes(app: FastifyInstance, parts: ApiParts): void {
  addTraffic(app, parts);
  addGraph(app, parts);
  addRecords(app, parts);
  addErase(app, parts);
  addTap(app, parts);
  const { clickhouse, reader, quota, clock } = parts;
  app.get(
    '/v1/audit',
    { schema: { summary: 'Is every record accounted for, by proxy instance and worker' } },
    (request): Promise<AuditResponse> => {
      callerOf(request).requireEverywhere('view', 'accounts are of whole proxies');
      return readAudit(clickhouse, clock);
    },
  );
  app.post<{ Body: SqlRequest }>(
    '/v1/query',
    { schema: { summary: 'One read-only statement, within limits and a quota', body: SqlRequest } },
    (request): Promise<SqlResponse> => {
      const caller = callerOf(request);
      caller.requireEverywhere('view', 'SQL reads every table');
      const subject = caller.name === undefined ? `address ${request.ip}` : `token ${caller.name}`;
      return quota.run(subject, () => runSql(reader, request.body.sql, clock));
    },
  );
}

function addTraffic(app: FastifyInstance, { clickhouse, clock }: ApiParts): void {
  const freshness = freshnessReader(clickhouse, clock);
  const totals = async (query: TotalsQuery): Promise<TotalsResponse> => {
    const [found, fresh] = await Promise.all([
      readTotals(clickhouse, query, clock.wallMs()),
      freshness('metrics'),
    ]);
    return totalsResponse(found, fresh);
  };
  app.get<{ Querystring: TotalsQuery }>(
    '/v1/analytics/totals',
    { schema: { summary: 'Counts and latencies, all or by group', querystring: TotalsQuery } },
    (request) => {
      requireTraffic(callerOf(request), request.query);
      return totals(request.query);
    },
  );
  app.get<{ Querystring: TotalsQuery }>(
    '/v1/analytics/top',
    { schema: { summary: 'The first groups by an order', querystring: TotalsQuery } },
    (request) => {
      requireTraffic(callerOf(request), request.query);
      return totals({ by: TOP_BY, ...request.query });
    },
  );
  app.get<{ Querystring: SeriesQuery }>(
    '/v1/analytics/series',
    { schema: { summary: 'Counts and latencies step by step', querystring: SeriesQuery } },
    async (request): Promise<SeriesResponse> => {
      const { query } = request;
      requireTraffic(callerOf(request), query);
      const [found, fresh] = await Promise.all([
        readSeries(clickhouse, query, clock.wallMs()),
        freshness('metrics'),
      ]);
      return { ...found, freshness: fresh };
    },
  );
  app.get<{ Querystring: HeatmapQuery }>(
    '/v1/analytics/heatmap',
    { schema: { summary: 'How long requests took, step by step', querystring: HeatmapQuery } },
    async (request): Promise<HeatmapResponse> => {
      const { query } = request;
      requireTraffic(callerOf(request), query);
      const [found, fresh] = await Promise.all([
        readHeatmap(clickhouse, query, clock.wallMs()),
        freshness('metrics'),
      ]);
      return { ...found, freshness: fresh };
    },
  );
}

function addGraph(app: FastifyInstance, { clickhouse, clock }: ApiParts): void {
  const freshness = freshnessReader(clickhouse, clock);
  app.get<{ Querystring: RangeQuery }>(
    '/v1/graph',
    { schema: { summary: 'Who calls whom, and how each is', querystring: RangeQuery } },
    async (request): Promise<GraphResponse> => {
      const { query } = request;
      callerOf(request).requireEverywhere('view', 'the graph joins services of all namespaces');
      const [found, fresh] = await Promise.all([
        readGraph(clickhouse, query, clock.wallMs()),
        freshness('metrics'),
      ]);
      return { ...found, freshness: fresh };
    },
  );
  app.get<{ Querystring: HealthQuery }>(
    '/v1/health',
    {
      schema: {
        summary: 'How services and edges are, and the rule that decided it; the worst first',
        querystring: HealthQuery,
      },
    },
    async (request): Promise<HealthResponse> => {
      const { query } = request;
      callerOf(request).requireEverywhere('view', 'health joins services of all namespaces');
      const [found, fresh] = await Promise.all([
        readHealth(clickhouse, query, clock.wallMs()),
        freshness('metrics'),
      ]);
      return { ...found, freshness: fresh };
    },
  );
}

function addRecords(app: FastifyInstance, { clickhouse, clock }: ApiParts): void {
  const freshness = freshnessReader(clickhouse, clock);
  app.get<{ Querystring: RecordsQuery }>(
    '/v1/records',
    { schema: { summary: 'Records, newest first, by page', querystring: RecordsQuery } },
    async (request): Promise<RecordsResponse> => {
      const { query } = request;
      requireTraffic(callerOf(request), query);
      const [found, fresh] = await Promise.all([
        readRecords(clickhouse, query, clock.wallMs()),
        freshness('access'),
      ]);
      return { ...found, freshness: fresh };
    },
  );
}

function addErase(app: FastifyInstance, { clickhouse, clock, log, onCluster }: ApiParts): void {
  app.post<{ Body: EraseRequest }>(
    '/v1/records/erase',
    { schema: { summary: 'Empties the client address of stored records', body: EraseRequest } },
    async (request): Promise<EraseResponse> => {
      const caller = callerOf(request);
      caller.requireEverywhere('admin', 'it changes records of every namespace');
      if (onCluster) {
        throw new HttpProblem(
          'invalid-request',
          'on a cluster an operator erases by hand: ALTER TABLE records_local ON CLUSTER … UPDATE',
        );
      }
      const answer = await eraseAddress(clickhouse, request.body, clock);
      // Whose address it was is not to be found here either.
      log.info({ by: caller.name ?? 'anybody', ...answer }, 'a client address was erased');
      return answer;
    },
  );
}

function addTap(app: FastifyInstance, parts: ApiParts): void {
  let open = 0;
  app.get<{ Querystring: RecordsQuery }>(
    '/v1/tap',
    {
      schema: {
        summary: 'Records as they are stored, as server-sent events',
        querystring: RecordsQuery,
      },
    },
    async (request, reply) => {
      const { query } = request;
      requireTraffic(callerOf(request), query);
      if (open >= TAPS_MAX) {
        throw new HttpProblem('unavailable', `${TAPS_MAX} taps are open; close one first`);
      }
      // What cannot be asked is refused with a status, as long as there is one to give.
      filterSql(query);
      const gone = new AbortController();
      reply.raw.once('close', () => gone.abort());
      const signal = AbortSignal.any([gone.signal, parts.stopping]);
      reply.hijack();
      open++;
      try {
        await streamTap(reply.raw, { ...parts, filters: query, signal });
      } finally {
        open--;
      }
    },
  );
}
