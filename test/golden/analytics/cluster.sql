-- NOT TESTED on a cluster: checked for syntax only, by the parser of ClickHouse.
-- Windrose: tables of mesh demo-eu, on cluster {cluster}.
-- Each statement may run twice without harm; run all of them after an upgrade.

CREATE DATABASE IF NOT EXISTS windrose_demo_eu ON CLUSTER '{cluster}';

USE windrose_demo_eu;

CREATE TABLE IF NOT EXISTS migrations ON CLUSTER '{cluster}' (
  version UInt32,
  name String,
  applied_at DateTime('UTC') DEFAULT now()
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/all/windrose_demo_eu/migrations', '{shard}-{replica}')
ORDER BY version;

CREATE TABLE IF NOT EXISTS records_local ON CLUSTER '{cluster}' (
  time DateTime64(6, 'UTC') COMMENT 'when the request arrived' CODEC(Delta, ZSTD(1)),
  request_id String COMMENT 'x-request-id, the same through every hop; empty: the trace id' CODEC(ZSTD(1)),
  trace_id String COMMENT 'W3C trace id, 32 hexadecimal digits' CODEC(ZSTD(1)),
  span_id String COMMENT 'span id of this proxy, 16 hexadecimal digits' CODEC(ZSTD(1)),
  proxy LowCardinality(String) COMMENT 'name of the proxy' CODEC(ZSTD(1)),
  instance LowCardinality(String) COMMENT 'random id of this start of the proxy' CODEC(ZSTD(1)),
  worker UInt16 COMMENT 'number of the worker in the proxy, from 0' CODEC(ZSTD(1)),
  role LowCardinality(String) COMMENT 'gateway, sidecar or fused' CODEC(ZSTD(1)),
  direction LowCardinality(String) COMMENT 'edge, inbound or outbound' CODEC(ZSTD(1)),
  workload LowCardinality(String) COMMENT 'namespace/name of the workload behind a sidecar' CODEC(ZSTD(1)),
  zone LowCardinality(String) COMMENT 'zone of the proxy' CODEC(ZSTD(1)),
  log_epoch UInt32 COMMENT 'epoch of the revision' CODEC(T64, ZSTD(1)),
  revision UInt64 COMMENT 'sequence of the revision that decided the request' CODEC(T64, ZSTD(1)),
  consumer LowCardinality(String) COMMENT 'namespace/name of the Consumer that called at the edge' CODEC(ZSTD(1)),
  client_address String COMMENT 'address of the client as the proxy decided it' CODEC(ZSTD(1)),
  source LowCardinality(String) COMMENT 'calling service (namespace/name), Gateway/namespace/name, unknown, or empty: see sourceOf' CODEC(ZSTD(1)),
  destination LowCardinality(String) COMMENT 'namespace/name of the called Service' CODEC(ZSTD(1)),
  listener LowCardinality(String) COMMENT 'Gateway/ or ListenerSet/namespace/name/listener, or inbound or outbound' CODEC(ZSTD(1)),
  route LowCardinality(String) COMMENT 'namespace/name of the route' CODEC(ZSTD(1)),
  rule LowCardinality(String) COMMENT 'name or number of its rule' CODEC(ZSTD(1)),
  backend LowCardinality(String) COMMENT 'namespace/name:port of the chosen backend' CODEC(ZSTD(1)),
  endpoint LowCardinality(String) COMMENT 'address:port of the last endpoint tried' CODEC(ZSTD(1)),
  method LowCardinality(String) COMMENT 'method' CODEC(ZSTD(1)),
  host LowCardinality(String) COMMENT 'host without port, lower case' CODEC(ZSTD(1)),
  path_template LowCardinality(String) COMMENT 'the matched path of the rule' CODEC(ZSTD(1)),
  path String COMMENT 'path without query' CODEC(ZSTD(1)),
  protocol LowCardinality(String) COMMENT 'http/1.1 and so on' CODEC(ZSTD(1)),
  user_agent LowCardinality(String) COMMENT 'family of the user agent' CODEC(ZSTD(1)),
  status UInt16 COMMENT 'status sent to the client; 0 when nothing was sent' CODEC(ZSTD(1)),
  grpc_status Int16 COMMENT 'gRPC status; -1 when the call is no gRPC' CODEC(ZSTD(1)),
  reason LowCardinality(String) COMMENT 'why it ended so: a word of reasons.ts' CODEC(ZSTD(1)),
  retries UInt8 COMMENT 'further tries after the first' CODEC(ZSTD(1)),
  retry_reason LowCardinality(String) COMMENT 'why the last retry was made' CODEC(ZSTD(1)),
  ejected UInt8 COMMENT '1 when this outcome ejected the endpoint' CODEC(ZSTD(1)),
  fallback UInt8 COMMENT '1 when a fallback answered' CODEC(ZSTD(1)),
  mirrored UInt8 COMMENT 'copies sent to mirrors' CODEC(ZSTD(1)),
  bytes_in UInt64 COMMENT 'body bytes from the client' CODEC(T64, ZSTD(1)),
  bytes_out UInt64 COMMENT 'body bytes to the client' CODEC(T64, ZSTD(1)),
  duration_us UInt32 COMMENT 'from the request head to the last byte out, µs' CODEC(T64, ZSTD(1)),
  ttfb_us UInt32 COMMENT 'from the request head to the first byte out, µs' CODEC(T64, ZSTD(1)),
  queue_us UInt32 COMMENT 'waiting for a limit, a fault delay or before another try, µs' CODEC(T64, ZSTD(1)),
  connect_us UInt32 COMMENT 'connecting to the endpoint, µs; 0 on a kept connection' CODEC(T64, ZSTD(1)),
  upstream_us UInt32 COMMENT 'from sending upstream to its response head, µs' CODEC(T64, ZSTD(1)),
  weight UInt32 COMMENT 'how many requests this row stands for (1 when unsampled)' CODEC(T64, ZSTD(1)),
  fields Map(LowCardinality(String), String) COMMENT 'what a TelemetryPolicy records besides, by its name' CODEC(ZSTD(1)),
  INDEX time_range time TYPE minmax GRANULARITY 1,
  INDEX by_trace trace_id TYPE bloom_filter GRANULARITY 4,
  INDEX by_request request_id TYPE bloom_filter GRANULARITY 4
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/windrose_demo_eu/records', '{replica}')
PARTITION BY toYYYYMMDD(time)
ORDER BY (toStartOfHour(time), direction, destination, time)
TTL toDateTime(time) + INTERVAL 7 DAY
SETTINGS replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS metrics_local ON CLUSTER '{cluster}' (
  time DateTime64(6, 'UTC') COMMENT 'start of the window',
  proxy LowCardinality(String) COMMENT 'name of the proxy',
  instance LowCardinality(String) COMMENT 'random id of this start of the proxy',
  worker UInt16 COMMENT 'number of the worker',
  role LowCardinality(String) COMMENT 'gateway, sidecar or fused',
  direction LowCardinality(String) COMMENT 'edge, inbound or outbound; empty in a heartbeat',
  zone LowCardinality(String) COMMENT 'zone of the proxy',
  log_epoch UInt32 COMMENT 'epoch of the revision',
  revision UInt64 COMMENT 'sequence of the revision that decided',
  source LowCardinality(String) COMMENT 'calling service, as in a record',
  destination LowCardinality(String) COMMENT 'called service',
  route LowCardinality(String) COMMENT 'namespace/name of the route',
  backend LowCardinality(String) COMMENT 'namespace/name:port of the backend',
  consumer LowCardinality(String) COMMENT 'namespace/name of the Consumer',
  status_class LowCardinality(String) COMMENT '1xx, 2xx, 3xx, 4xx, 5xx, or none when nothing was sent',
  reason LowCardinality(String) COMMENT 'a word of reasons.ts',
  requests UInt64 COMMENT 'requests that ended in the window',
  retries UInt64 COMMENT 'further tries',
  bytes_in UInt64 COMMENT 'body bytes from clients',
  bytes_out UInt64 COMMENT 'body bytes to clients',
  duration_us_sum UInt64 COMMENT 'sum of durations, µs',
  durations Map(UInt16, UInt64) COMMENT 'log buckets of durations (bucketOf) and their counts'
)
ENGINE = Null;

CREATE TABLE IF NOT EXISTS routes_10s_local ON CLUSTER '{cluster}' (
  time DateTime('UTC') COMMENT 'start of 10 s' CODEC(Delta, ZSTD(1)),
  route LowCardinality(String) COMMENT 'namespace/name of the route',
  destination LowCardinality(String) COMMENT 'called service',
  backend LowCardinality(String) COMMENT 'namespace/name:port of the backend',
  consumer LowCardinality(String) COMMENT 'namespace/name of the Consumer',
  direction LowCardinality(String) COMMENT 'edge, inbound or outbound; empty in a heartbeat',
  status_class LowCardinality(String) COMMENT '1xx, 2xx, 3xx, 4xx, 5xx, or none when nothing was sent',
  reason LowCardinality(String) COMMENT 'a word of reasons.ts',
  log_epoch UInt32 COMMENT 'epoch of the revision',
  revision UInt64 COMMENT 'sequence of the revision that decided',
  requests SimpleAggregateFunction(sum, UInt64),
  errors SimpleAggregateFunction(sum, UInt64),
  retries SimpleAggregateFunction(sum, UInt64),
  bytes_in SimpleAggregateFunction(sum, UInt64),
  bytes_out SimpleAggregateFunction(sum, UInt64),
  duration_us_sum SimpleAggregateFunction(sum, UInt64),
  durations SimpleAggregateFunction(sumMap, Map(UInt16, UInt64))
)
ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{shard}/windrose_demo_eu/routes_10s', '{replica}')
PARTITION BY toYYYYMMDD(time)
ORDER BY (time, route, destination, backend, consumer, direction, status_class, reason, log_epoch, revision)
TTL time + INTERVAL 14 DAY
SETTINGS replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS routes_1m_local ON CLUSTER '{cluster}' (
  time DateTime('UTC') COMMENT 'start of 60 s' CODEC(Delta, ZSTD(1)),
  route LowCardinality(String) COMMENT 'namespace/name of the route',
  destination LowCardinality(String) COMMENT 'called service',
  backend LowCardinality(String) COMMENT 'namespace/name:port of the backend',
  consumer LowCardinality(String) COMMENT 'namespace/name of the Consumer',
  direction LowCardinality(String) COMMENT 'edge, inbound or outbound; empty in a heartbeat',
  status_class LowCardinality(String) COMMENT '1xx, 2xx, 3xx, 4xx, 5xx, or none when nothing was sent',
  reason LowCardinality(String) COMMENT 'a word of reasons.ts',
  log_epoch UInt32 COMMENT 'epoch of the revision',
  revision UInt64 COMMENT 'sequence of the revision that decided',
  requests SimpleAggregateFunction(sum, UInt64),
  errors SimpleAggregateFunction(sum, UInt64),
  retries SimpleAggregateFunction(sum, UInt64),
  bytes_in SimpleAggregateFunction(sum, UInt64),
  bytes_out SimpleAggregateFunction(sum, UInt64),
  duration_us_sum SimpleAggregateFunction(sum, UInt64),
  durations SimpleAggregateFunction(sumMap, Map(UInt16, UInt64))
)
ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{shard}/windrose_demo_eu/routes_1m', '{replica}')
PARTITION BY toYYYYMMDD(time)
ORDER BY (time, route, destination, backend, consumer, direction, status_class, reason, log_epoch, revision)
TTL time + INTERVAL 90 DAY
SETTINGS replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS edges_10s_local ON CLUSTER '{cluster}' (
  time DateTime('UTC') COMMENT 'start of 10 s' CODEC(Delta, ZSTD(1)),
  destination LowCardinality(String) COMMENT 'called service',
  source LowCardinality(String) COMMENT 'calling service, as in a record',
  direction LowCardinality(String) COMMENT 'edge, inbound or outbound; empty in a heartbeat',
  status_class LowCardinality(String) COMMENT '1xx, 2xx, 3xx, 4xx, 5xx, or none when nothing was sent',
  reason LowCardinality(String) COMMENT 'a word of reasons.ts',
  log_epoch UInt32 COMMENT 'epoch of the revision',
  revision UInt64 COMMENT 'sequence of the revision that decided',
  requests SimpleAggregateFunction(sum, UInt64),
  errors SimpleAggregateFunction(sum, UInt64),
  retries SimpleAggregateFunction(sum, UInt64),
  bytes_in SimpleAggregateFunction(sum, UInt64),
  bytes_out SimpleAggregateFunction(sum, UInt64),
  duration_us_sum SimpleAggregateFunction(sum, UInt64),
  durations SimpleAggregateFunction(sumMap, Map(UInt16, UInt64))
)
ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{shard}/windrose_demo_eu/edges_10s', '{replica}')
PARTITION BY toYYYYMMDD(time)
ORDER BY (time, destination, source, direction, status_class, reason, log_epoch, revision)
TTL time + INTERVAL 14 DAY
SETTINGS replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS edges_1m_local ON CLUSTER '{cluster}' (
  time DateTime('UTC') COMMENT 'start of 60 s' CODEC(Delta, ZSTD(1)),
  destination LowCardinality(String) COMMENT 'called service',
  source LowCardinality(String) COMMENT 'calling service, as in a record',
  direction LowCardinality(String) COMMENT 'edge, inbound or outbound; empty in a heartbeat',
  status_class LowCardinality(String) COMMENT '1xx, 2xx, 3xx, 4xx, 5xx, or none when nothing was sent',
  reason LowCardinality(String) COMMENT 'a word of reasons.ts',
  log_epoch UInt32 COMMENT 'epoch of the revision',
  revision UInt64 COMMENT 'sequence of the revision that decided',
  requests SimpleAggregateFunction(sum, UInt64),
  errors SimpleAggregateFunction(sum, UInt64),
  retries SimpleAggregateFunction(sum, UInt64),
  bytes_in SimpleAggregateFunction(sum, UInt64),
  bytes_out SimpleAggregateFunction(sum, UInt64),
  duration_us_sum SimpleAggregateFunction(sum, UInt64),
  durations SimpleAggregateFunction(sumMap, Map(UInt16, UInt64))
)
ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{shard}/windrose_demo_eu/edges_1m', '{replica}')
PARTITION BY toYYYYMMDD(time)
ORDER BY (time, destination, source, direction, status_class, reason, log_epoch, revision)
TTL time + INTERVAL 90 DAY
SETTINGS replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS services_inbound_10s_local ON CLUSTER '{cluster}' (
  time DateTime('UTC') COMMENT 'start of 10 s' CODEC(Delta, ZSTD(1)),
  destination LowCardinality(String) COMMENT 'called service',
  proxy LowCardinality(String) COMMENT 'name of the proxy',
  status_class LowCardinality(String) COMMENT '1xx, 2xx, 3xx, 4xx, 5xx, or none when nothing was sent',
  reason LowCardinality(String) COMMENT 'a word of reasons.ts',
  requests SimpleAggregateFunction(sum, UInt64),
  errors SimpleAggregateFunction(sum, UInt64),
  retries SimpleAggregateFunction(sum, UInt64),
  bytes_in SimpleAggregateFunction(sum, UInt64),
  bytes_out SimpleAggregateFunction(sum, UInt64),
  duration_us_sum SimpleAggregateFunction(sum, UInt64),
  durations SimpleAggregateFunction(sumMap, Map(UInt16, UInt64))
)
ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{shard}/windrose_demo_eu/services_inbound_10s', '{replica}')
PARTITION BY toYYYYMMDD(time)
ORDER BY (time, destination, proxy, status_class, reason)
TTL time + INTERVAL 14 DAY
SETTINGS replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS routes_10s ON CLUSTER '{cluster}' AS routes_10s_local
ENGINE = Distributed('{cluster}', 'windrose_demo_eu', 'routes_10s_local', cityHash64(destination));

CREATE TABLE IF NOT EXISTS routes_1m ON CLUSTER '{cluster}' AS routes_1m_local
ENGINE = Distributed('{cluster}', 'windrose_demo_eu', 'routes_1m_local', cityHash64(destination));

CREATE TABLE IF NOT EXISTS edges_10s ON CLUSTER '{cluster}' AS edges_10s_local
ENGINE = Distributed('{cluster}', 'windrose_demo_eu', 'edges_10s_local', cityHash64(destination));

CREATE TABLE IF NOT EXISTS edges_1m ON CLUSTER '{cluster}' AS edges_1m_local
ENGINE = Distributed('{cluster}', 'windrose_demo_eu', 'edges_1m_local', cityHash64(destination));

CREATE TABLE IF NOT EXISTS services_inbound_10s ON CLUSTER '{cluster}' AS services_inbound_10s_local
ENGINE = Distributed('{cluster}', 'windrose_demo_eu', 'services_inbound_10s_local', cityHash64(destination));

CREATE MATERIALIZED VIEW IF NOT EXISTS routes_10s_view ON CLUSTER '{cluster}' TO routes_10s_local AS
SELECT
  toStartOfInterval(metrics_local.time, INTERVAL 10 SECOND) AS time,
  route, destination, backend, consumer, direction, status_class, reason, log_epoch, revision,
  sum(requests) AS requests,
  sumIf(metrics_local.requests, (status_class = '5xx' OR reason = 'upstream_aborted' OR (status_class = 'none' AND reason IN ('internal', 'invalid_backend', 'fault_injected', 'upstream_reset', 'upstream_invalid', 'no_endpoint', 'circuit_open', 'upstream_refused', 'policy_unavailable', 'overloaded', 'draining', 'upstream_timeout', 'request_timeout')))) AS errors,
  sum(retries) AS retries,
  sum(bytes_in) AS bytes_in,
  sum(bytes_out) AS bytes_out,
  sum(duration_us_sum) AS duration_us_sum,
  sumMap(durations) AS durations
FROM metrics_local
WHERE (direction IN ('edge', 'outbound') OR source = 'unknown')
GROUP BY time, route, destination, backend, consumer, direction, status_class, reason, log_epoch, revision;

CREATE MATERIALIZED VIEW IF NOT EXISTS edges_10s_view ON CLUSTER '{cluster}' TO edges_10s_local AS
SELECT
  toStartOfInterval(metrics_local.time, INTERVAL 10 SECOND) AS time,
  destination, source, direction, status_class, reason, log_epoch, revision,
  sum(requests) AS requests,
  sumIf(metrics_local.requests, (status_class = '5xx' OR reason = 'upstream_aborted' OR (status_class = 'none' AND reason IN ('internal', 'invalid_backend', 'fault_injected', 'upstream_reset', 'upstream_invalid', 'no_endpoint', 'circuit_open', 'upstream_refused', 'policy_unavailable', 'overloaded', 'draining', 'upstream_timeout', 'request_timeout')))) AS errors,
  sum(retries) AS retries,
  sum(bytes_in) AS bytes_in,
  sum(bytes_out) AS bytes_out,
  sum(duration_us_sum) AS duration_us_sum,
  sumMap(durations) AS durations
FROM metrics_local
WHERE (direction IN ('edge', 'outbound') OR source = 'unknown')
GROUP BY time, destination, source, direction, status_class, reason, log_epoch, revision;

CREATE MATERIALIZED VIEW IF NOT EXISTS services_inbound_10s_view ON CLUSTER '{cluster}' TO services_inbound_10s_local AS
SELECT
  toStartOfInterval(metrics_local.time, INTERVAL 10 SECOND) AS time,
  destination, proxy, status_class, reason,
  sum(requests) AS requests,
  sumIf(metrics_local.requests, (status_class = '5xx' OR reason = 'upstream_aborted' OR (status_class = 'none' AND reason IN ('internal', 'invalid_backend', 'fault_injected', 'upstream_reset', 'upstream_invalid', 'no_endpoint', 'circuit_open', 'upstream_refused', 'policy_unavailable', 'overloaded', 'draining', 'upstream_timeout', 'request_timeout')))) AS errors,
  sum(retries) AS retries,
  sum(bytes_in) AS bytes_in,
  sum(bytes_out) AS bytes_out,
  sum(duration_us_sum) AS duration_us_sum,
  sumMap(durations) AS durations
FROM metrics_local
WHERE direction = 'inbound'
GROUP BY time, destination, proxy, status_class, reason;

CREATE MATERIALIZED VIEW IF NOT EXISTS routes_1m_view ON CLUSTER '{cluster}' TO routes_1m_local AS
SELECT
  toStartOfInterval(routes_10s_local.time, INTERVAL 60 SECOND) AS time,
  route, destination, backend, consumer, direction, status_class, reason, log_epoch, revision,
  sum(requests) AS requests,
  sum(errors) AS errors,
  sum(retries) AS retries,
  sum(bytes_in) AS bytes_in,
  sum(bytes_out) AS bytes_out,
  sum(duration_us_sum) AS duration_us_sum,
  sumMap(durations) AS durations
FROM routes_10s_local

GROUP BY time, route, destination, backend, consumer, direction, status_class, reason, log_epoch, revision;

CREATE MATERIALIZED VIEW IF NOT EXISTS edges_1m_view ON CLUSTER '{cluster}' TO edges_1m_local AS
SELECT
  toStartOfInterval(edges_10s_local.time, INTERVAL 60 SECOND) AS time,
  destination, source, direction, status_class, reason, log_epoch, revision,
  sum(requests) AS requests,
  sum(errors) AS errors,
  sum(retries) AS retries,
  sum(bytes_in) AS bytes_in,
  sum(bytes_out) AS bytes_out,
  sum(duration_us_sum) AS duration_us_sum,
  sumMap(durations) AS durations
FROM edges_10s_local

GROUP BY time, destination, source, direction, status_class, reason, log_epoch, revision;

CREATE TABLE IF NOT EXISTS blocks_local ON CLUSTER '{cluster}' (
  stream LowCardinality(String) COMMENT 'access or metrics',
  proxy LowCardinality(String),
  instance LowCardinality(String),
  worker UInt16,
  seq UInt64 COMMENT 'number of the block among those of its instance, worker and stream, from 1',
  schema UInt16,
  log_epoch UInt32,
  rows UInt32,
  served UInt64 COMMENT 'running totals of the worker when the block was closed',
  sampled_out UInt64,
  dropped UInt64,
  min_time DateTime64(3, 'UTC'),
  max_time DateTime64(3, 'UTC'),
  end UInt8 COMMENT '0 more follow, 1 ended cleanly, 2 crashed',
  bound UInt32 COMMENT 'after a crash: most rows that the open block may have held',
  topic LowCardinality(String),
  generation UInt64 COMMENT 'tells topics of one name apart',
  partition UInt16,
  offset UInt64,
  time DateTime64(3, 'UTC') COMMENT 'when Kafka stored the message',
  stored_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/windrose_demo_eu/blocks', '{replica}')
PARTITION BY toYYYYMMDD(time)
ORDER BY (stream, instance, worker, seq)
TTL toDateTime(time) + INTERVAL 90 DAY
SETTINGS replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS records ON CLUSTER '{cluster}' AS records_local
ENGINE = Distributed('{cluster}', 'windrose_demo_eu', 'records_local', cityHash64(destination));

CREATE TABLE IF NOT EXISTS metrics ON CLUSTER '{cluster}' AS metrics_local
ENGINE = Distributed('{cluster}', 'windrose_demo_eu', 'metrics_local', cityHash64(destination));

CREATE TABLE IF NOT EXISTS blocks ON CLUSTER '{cluster}' AS blocks_local
ENGINE = Distributed('{cluster}', 'windrose_demo_eu', 'blocks_local', cityHash64(instance));

CREATE TABLE IF NOT EXISTS routes_1h_local ON CLUSTER '{cluster}' (
  time DateTime('UTC') COMMENT 'start of 3600 s' CODEC(Delta, ZSTD(1)),
  route LowCardinality(String) COMMENT 'namespace/name of the route',
  destination LowCardinality(String) COMMENT 'called service',
  backend LowCardinality(String) COMMENT 'namespace/name:port of the backend',
  consumer LowCardinality(String) COMMENT 'namespace/name of the Consumer',
  direction LowCardinality(String) COMMENT 'edge, inbound or outbound; empty in a heartbeat',
  status_class LowCardinality(String) COMMENT '1xx, 2xx, 3xx, 4xx, 5xx, or none when nothing was sent',
  reason LowCardinality(String) COMMENT 'a word of reasons.ts',
  log_epoch UInt32 COMMENT 'epoch of the revision',
  revision UInt64 COMMENT 'sequence of the revision that decided',
  requests SimpleAggregateFunction(sum, UInt64),
  errors SimpleAggregateFunction(sum, UInt64),
  retries SimpleAggregateFunction(sum, UInt64),
  bytes_in SimpleAggregateFunction(sum, UInt64),
  bytes_out SimpleAggregateFunction(sum, UInt64),
  duration_us_sum SimpleAggregateFunction(sum, UInt64),
  durations SimpleAggregateFunction(sumMap, Map(UInt16, UInt64))
)
ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{shard}/windrose_demo_eu/routes_1h', '{replica}')
PARTITION BY toYYYYMM(time)
ORDER BY (time, route, destination, backend, consumer, direction, status_class, reason, log_epoch, revision)
TTL time + INTERVAL 400 DAY
SETTINGS replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS edges_1h_local ON CLUSTER '{cluster}' (
  time DateTime('UTC') COMMENT 'start of 3600 s' CODEC(Delta, ZSTD(1)),
  destination LowCardinality(String) COMMENT 'called service',
  source LowCardinality(String) COMMENT 'calling service, as in a record',
  direction LowCardinality(String) COMMENT 'edge, inbound or outbound; empty in a heartbeat',
  status_class LowCardinality(String) COMMENT '1xx, 2xx, 3xx, 4xx, 5xx, or none when nothing was sent',
  reason LowCardinality(String) COMMENT 'a word of reasons.ts',
  log_epoch UInt32 COMMENT 'epoch of the revision',
  revision UInt64 COMMENT 'sequence of the revision that decided',
  requests SimpleAggregateFunction(sum, UInt64),
  errors SimpleAggregateFunction(sum, UInt64),
  retries SimpleAggregateFunction(sum, UInt64),
  bytes_in SimpleAggregateFunction(sum, UInt64),
  bytes_out SimpleAggregateFunction(sum, UInt64),
  duration_us_sum SimpleAggregateFunction(sum, UInt64),
  durations SimpleAggregateFunction(sumMap, Map(UInt16, UInt64))
)
ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{shard}/windrose_demo_eu/edges_1h', '{replica}')
PARTITION BY toYYYYMM(time)
ORDER BY (time, destination, source, direction, status_class, reason, log_epoch, revision)
TTL time + INTERVAL 400 DAY
SETTINGS replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS routes_1h ON CLUSTER '{cluster}' AS routes_1h_local
ENGINE = Distributed('{cluster}', 'windrose_demo_eu', 'routes_1h_local', cityHash64(destination));

CREATE TABLE IF NOT EXISTS edges_1h ON CLUSTER '{cluster}' AS edges_1h_local
ENGINE = Distributed('{cluster}', 'windrose_demo_eu', 'edges_1h_local', cityHash64(destination));

CREATE MATERIALIZED VIEW IF NOT EXISTS routes_1h_view ON CLUSTER '{cluster}' TO routes_1h_local AS
SELECT
  toStartOfInterval(routes_1m_local.time, INTERVAL 3600 SECOND) AS time,
  route, destination, backend, consumer, direction, status_class, reason, log_epoch, revision,
  sum(requests) AS requests,
  sum(errors) AS errors,
  sum(retries) AS retries,
  sum(bytes_in) AS bytes_in,
  sum(bytes_out) AS bytes_out,
  sum(duration_us_sum) AS duration_us_sum,
  sumMap(durations) AS durations
FROM routes_1m_local

GROUP BY time, route, destination, backend, consumer, direction, status_class, reason, log_epoch, revision;

CREATE MATERIALIZED VIEW IF NOT EXISTS edges_1h_view ON CLUSTER '{cluster}' TO edges_1h_local AS
SELECT
  toStartOfInterval(edges_1m_local.time, INTERVAL 3600 SECOND) AS time,
  destination, source, direction, status_class, reason, log_epoch, revision,
  sum(requests) AS requests,
  sum(errors) AS errors,
  sum(retries) AS retries,
  sum(bytes_in) AS bytes_in,
  sum(bytes_out) AS bytes_out,
  sum(duration_us_sum) AS duration_us_sum,
  sumMap(durations) AS durations
FROM edges_1m_local

GROUP BY time, destination, source, direction, status_class, reason, log_epoch, revision;

ALTER TABLE records_local ON CLUSTER '{cluster}' MODIFY COLUMN time CODEC(Delta, ZSTD(1)), MODIFY COLUMN request_id CODEC(ZSTD(1)), MODIFY COLUMN trace_id CODEC(ZSTD(1)), MODIFY COLUMN span_id CODEC(ZSTD(1)), MODIFY COLUMN proxy CODEC(ZSTD(1)), MODIFY COLUMN instance CODEC(ZSTD(1)), MODIFY COLUMN worker CODEC(ZSTD(1)), MODIFY COLUMN role CODEC(ZSTD(1)), MODIFY COLUMN direction CODEC(ZSTD(1)), MODIFY COLUMN workload CODEC(ZSTD(1)), MODIFY COLUMN zone CODEC(ZSTD(1)), MODIFY COLUMN log_epoch CODEC(T64, ZSTD(1)), MODIFY COLUMN revision CODEC(T64, ZSTD(1)), MODIFY COLUMN consumer CODEC(ZSTD(1)), MODIFY COLUMN client_address CODEC(ZSTD(1)), MODIFY COLUMN source CODEC(ZSTD(1)), MODIFY COLUMN destination CODEC(ZSTD(1)), MODIFY COLUMN listener CODEC(ZSTD(1)), MODIFY COLUMN route CODEC(ZSTD(1)), MODIFY COLUMN rule CODEC(ZSTD(1)), MODIFY COLUMN backend CODEC(ZSTD(1)), MODIFY COLUMN endpoint CODEC(ZSTD(1)), MODIFY COLUMN method CODEC(ZSTD(1)), MODIFY COLUMN host CODEC(ZSTD(1)), MODIFY COLUMN path_template CODEC(ZSTD(1)), MODIFY COLUMN path CODEC(ZSTD(1)), MODIFY COLUMN protocol CODEC(ZSTD(1)), MODIFY COLUMN user_agent CODEC(ZSTD(1)), MODIFY COLUMN status CODEC(ZSTD(1)), MODIFY COLUMN grpc_status CODEC(ZSTD(1)), MODIFY COLUMN reason CODEC(ZSTD(1)), MODIFY COLUMN retries CODEC(ZSTD(1)), MODIFY COLUMN retry_reason CODEC(ZSTD(1)), MODIFY COLUMN ejected CODEC(ZSTD(1)), MODIFY COLUMN fallback CODEC(ZSTD(1)), MODIFY COLUMN mirrored CODEC(ZSTD(1)), MODIFY COLUMN bytes_in CODEC(T64, ZSTD(1)), MODIFY COLUMN bytes_out CODEC(T64, ZSTD(1)), MODIFY COLUMN duration_us CODEC(T64, ZSTD(1)), MODIFY COLUMN ttfb_us CODEC(T64, ZSTD(1)), MODIFY COLUMN queue_us CODEC(T64, ZSTD(1)), MODIFY COLUMN connect_us CODEC(T64, ZSTD(1)), MODIFY COLUMN upstream_us CODEC(T64, ZSTD(1)), MODIFY COLUMN weight CODEC(T64, ZSTD(1));

ALTER TABLE records_local ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS   fields Map(LowCardinality(String), String) COMMENT 'what a TelemetryPolicy records besides, by its name' CODEC(ZSTD(1));

ALTER TABLE records ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS   fields Map(LowCardinality(String), String) COMMENT 'what a TelemetryPolicy records besides, by its name' CODEC(ZSTD(1));

CREATE TABLE IF NOT EXISTS proxies_10s_local ON CLUSTER '{cluster}' (
  time DateTime('UTC') COMMENT 'start of 10 s' CODEC(Delta, ZSTD(1)),
  source LowCardinality(String) COMMENT 'calling service, as in a record',
  role LowCardinality(String) COMMENT 'gateway, sidecar or fused',
  zone LowCardinality(String) COMMENT 'zone of the proxy',
  proxy LowCardinality(String) COMMENT 'name of the proxy',
  requests SimpleAggregateFunction(sum, UInt64),
  errors SimpleAggregateFunction(sum, UInt64),
  retries SimpleAggregateFunction(sum, UInt64),
  bytes_in SimpleAggregateFunction(sum, UInt64),
  bytes_out SimpleAggregateFunction(sum, UInt64),
  duration_us_sum SimpleAggregateFunction(sum, UInt64),
  durations SimpleAggregateFunction(sumMap, Map(UInt16, UInt64))
)
ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{shard}/windrose_demo_eu/proxies_10s', '{replica}')
PARTITION BY toYYYYMMDD(time)
ORDER BY (time, source, role, zone, proxy)
TTL time + INTERVAL 14 DAY
SETTINGS replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS proxies_10s ON CLUSTER '{cluster}' AS proxies_10s_local
ENGINE = Distributed('{cluster}', 'windrose_demo_eu', 'proxies_10s_local', cityHash64(proxy));

CREATE MATERIALIZED VIEW IF NOT EXISTS proxies_10s_view ON CLUSTER '{cluster}' TO proxies_10s_local AS
SELECT
  toStartOfInterval(metrics_local.time, INTERVAL 10 SECOND) AS time,
  source, role, zone, proxy,
  sum(requests) AS requests,
  sumIf(metrics_local.requests, (status_class = '5xx' OR reason = 'upstream_aborted' OR (status_class = 'none' AND reason IN ('internal', 'invalid_backend', 'fault_injected', 'upstream_reset', 'upstream_invalid', 'no_endpoint', 'circuit_open', 'upstream_refused', 'policy_unavailable', 'overloaded', 'draining', 'upstream_timeout', 'request_timeout')))) AS errors,
  sum(retries) AS retries,
  sum(bytes_in) AS bytes_in,
  sum(bytes_out) AS bytes_out,
  sum(duration_us_sum) AS duration_us_sum,
  sumMap(durations) AS durations
FROM metrics_local
WHERE direction = ''
GROUP BY time, source, role, zone, proxy;

ALTER TABLE records_local ON CLUSTER '{cluster}' MODIFY SETTING merge_selector_base = 10;

ALTER TABLE records_local ON CLUSTER '{cluster}' COMMENT COLUMN request_id 'x-request-id, the same through every hop; empty: the trace id';

ALTER TABLE records_local ON CLUSTER '{cluster}' MODIFY TTL toDateTime(time) + INTERVAL 30 DAY;

INSERT INTO migrations (version, name)
SELECT version, name FROM VALUES('version UInt32, name String',
  (1, 'records, rollups and the ledger of blocks'),
  (2, 'rollups by the hour'),
  (3, 'records compressed by ZSTD'),
  (4, 'fields of a TelemetryPolicy'),
  (5, 'heartbeats of proxies'),
  (6, 'records merged less often')
) WHERE version NOT IN (SELECT version FROM migrations);
