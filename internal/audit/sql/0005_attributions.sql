-- creating table attributions
-- formerly f76802adc9d4de2248d8d4af986e465348e12bb06b5c37573a1b201791f8466d: sorted by action
CREATE TABLE IF NOT EXISTS {db}.attributions{on_cluster}
(
    action_id       FixedString(16) CODEC(ZSTD(1)),
    trace_id        String CODEC(ZSTD(1)),
    span_id         String CODEC(ZSTD(1)),
    agent_id        LowCardinality(String),
    agent_name      LowCardinality(String),
    agent_version   LowCardinality(String),
    session_id      String CODEC(ZSTD(1)),
    principal_id    String CODEC(ZSTD(1)),
    principal_type  LowCardinality(String),
    principal_grade LowCardinality(String),
    settled_ts      DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    schema_v        UInt16,
    observed_at     DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    writer_id       LowCardinality(String),
    writer_epoch    UInt64 CODEC(DoubleDelta, ZSTD(1)),
    batch_id        FixedString(16) CODEC(ZSTD(1)),
    row_ix          UInt32 CODEC(T64, ZSTD(1)),
    inserted_at     DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta(8), ZSTD(1)),

    INDEX ix_trace_id trace_id    TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX ix_observed observed_at TYPE minmax              GRANULARITY 1
)
ENGINE = {replicated}MergeTree
PARTITION BY toYYYYMM(settled_ts)
-- what was learned of a trace says the same of each of its actions
ORDER BY (toStartOfHour(observed_at), trace_id, action_id, observed_at)
{ttl settled_ts}
SETTINGS ttl_only_drop_parts = 1,
    non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800
