-- creating table access_log
-- Copies of rows of system.query_log, for those who keep them longer than the server
-- does. Empty otherwise: its columns let ev_evidence_access be made where a server,
-- as the embedded engine, has no query log.
CREATE TABLE IF NOT EXISTS {db}.access_log{on_cluster}
(
    event_date              Date DEFAULT toDate(event_time_microseconds),
    event_time_microseconds DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    type                    LowCardinality(String),
    is_initial_query        UInt8,
    user                    LowCardinality(String),
    query_id                String CODEC(ZSTD(1)),
    query_kind              LowCardinality(String),
    tables                  Array(LowCardinality(String)) CODEC(ZSTD(1)),
    query                   String CODEC(ZSTD(3)),
    result_rows             UInt64 CODEC(T64, ZSTD(1))
)
ENGINE = {replicated}MergeTree
PARTITION BY toYYYYMM(event_time_microseconds)
ORDER BY (event_time_microseconds, query_id)
SETTINGS ttl_only_drop_parts = 1,
    non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800
