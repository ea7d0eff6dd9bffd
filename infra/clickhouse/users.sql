-- Users of Windrose on a ClickHouse of your own; run once as an administrator.
-- Replace the mesh (here demo; a dash in its name is written _) and the passwords.
CREATE DATABASE IF NOT EXISTS windrose_demo;

-- services/analytics: makes its tables and views, stores and reads.
CREATE USER IF NOT EXISTS windrose_analytics IDENTIFIED WITH sha256_password BY 'change-me-1';
GRANT CREATE DATABASE, CREATE TABLE, CREATE VIEW, SHOW, SELECT, INSERT, ALTER ON windrose_demo.* TO windrose_analytics;

-- services/alerting, Grafana and POST /v1/query: read one database and nothing else. readonly = 2
-- lets them set limits for themselves and change nothing; the limits here hold at most.
CREATE SETTINGS PROFILE IF NOT EXISTS windrose_reader SETTINGS
  readonly = 2,
  max_execution_time = 10 MIN 1 MAX 20,
  max_memory_usage = 1000000000 MIN 1 MAX 2000000000,
  max_result_rows = 100000 MIN 1 MAX 1000000;
CREATE USER IF NOT EXISTS windrose_reader IDENTIFIED WITH sha256_password BY 'change-me-2' SETTINGS PROFILE windrose_reader;
GRANT SHOW, SELECT ON windrose_demo.* TO windrose_reader;
