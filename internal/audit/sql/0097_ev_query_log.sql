-- creating view ev_query_log
-- Statements that read tables or views of this database, as far as the server keeps a
-- query log. Which of the two tables a server has shows only when it is asked, so the
-- view can be made where there is no query log, as in the embedded engine.
CREATE OR REPLACE VIEW {db}.ev_query_log{on_cluster} AS
SELECT
    toDateTime64(event_time_microseconds, 3, 'UTC') AS at, toString(user) AS user, toString(query_kind) AS query_kind,
    arraySort(arrayFilter(t -> startsWith(t, concat({db_name}, '.')), arrayMap(t -> toString(t), tables))) AS view,
    result_rows AS rows, lower(hex(SHA256(query))) AS query_digest, query_id
FROM merge(REGEXP('^(system|{db_pattern})$'), '^(query_log|access_log)$')
WHERE event_date >= toDate({period_start:DateTime64(3,'UTC')}) - 1 AND event_date <= toDate({period_end:DateTime64(3,'UTC')}) + 1
    AND event_time_microseconds >= {period_start:DateTime64(3,'UTC')} AND event_time_microseconds < {period_end:DateTime64(3,'UTC')}
    AND toString(type) = 'QueryFinish' AND is_initial_query = 1 AND toString(query_kind) = 'Select'
    AND arrayExists(t -> startsWith(t, concat({db_name}, '.')), tables)
LIMIT 1 BY query_id
