-- creating view query_log_sources
-- One row: how many places there are that say who read. 0 means that nothing does.
CREATE OR REPLACE VIEW {db}.query_log_sources{on_cluster} AS
SELECT
    (SELECT count() FROM system.tables WHERE database = 'system' AND name = 'query_log')
    + (SELECT toUInt64(count() > 0) FROM {db}.access_log) AS sources
