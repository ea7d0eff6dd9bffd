-- Users of Windrose on a ClickHouse of your own; run once as an administrator.
-- Replace the mesh (here demo; a dash in its name is written _) and the passwords.
CREATE DATABASE IF NOT EXISTS windrose_demo;

-- services/analytics: makes its tables and views, stores and reads.
CREATE USER IF NOT EXISTS windrose_analytics IDENTIFIED WITH sha256_password BY 'change-me-1';
GRANT CREATE DATABASE, CREATE TABLE, CREATE VIEW, SHOW, SELECT, INSERT, ALTER ON windrose_demo.* TO windrose_analytics;
GRANT SELECT ON system.mutations TO windrose_analytics;

-- services/alerting and POST /v1/query: read one database and nothing else. readonly = 2 lets them
-- set limits for themselves and change nothing; the limits here hold at most.
CREATE SETTINGS PROFILE IF NOT EXISTS windrose_reader SETTINGS
  readonly = 2,
  max_execution_time = 10 MIN 1 MAX 20,
  max_memory_usage = 1000000000 MIN 1 MAX 2000000000,
  max_result_rows = 100000 MIN 1 MAX 1000000,
  max_rows_to_read = 2000000000 MIN 1 MAX 2000000000,
  max_concurrent_queries_for_user = 20 READONLY;
CREATE USER IF NOT EXISTS windrose_reader IDENTIFIED WITH sha256_password BY 'change-me-2' SETTINGS PROFILE windrose_reader;
GRANT SHOW, SELECT ON windrose_demo.* TO windrose_reader;

-- Grafana: the same, apart from it, so that a wall of boards takes nothing from alerts. It waits
-- while others with a smaller priority are served (0 and none is never waited for).
CREATE SETTINGS PROFILE IF NOT EXISTS windrose_dashboards SETTINGS
  readonly = 2,
  max_execution_time = 15 MIN 1 MAX 30,
  max_memory_usage = 1000000000 MIN 1 MAX 1000000000,
  max_memory_usage_for_user = 4000000000 READONLY,
  max_result_rows = 100000 MIN 1 MAX 100000,
  max_rows_to_read = 1000000000 MIN 1 MAX 1000000000,
  max_threads = 2 MIN 1 MAX 4,
  max_concurrent_queries_for_user = 10 READONLY,
  priority = 10 READONLY;
CREATE USER IF NOT EXISTS windrose_dashboards IDENTIFIED WITH sha256_password BY 'change-me-3' SETTINGS PROFILE windrose_dashboards;
GRANT SHOW, SELECT ON windrose_demo.* TO windrose_dashboards;
CREATE QUOTA IF NOT EXISTS windrose_dashboards FOR INTERVAL 1 minute MAX queries = 1200, FOR INTERVAL 1 hour MAX execution_time = 3600 TO windrose_dashboards;
