-- creating table runs
CREATE TABLE IF NOT EXISTS {db}.runs{on_cluster}
(
    tenant_id          LowCardinality(String),
    run_id             String CODEC(ZSTD(1)),
    chain_id           String CODEC(ZSTD(1)),
    revision           UInt64 CODEC(T64, ZSTD(1)),
    supersedes         String CODEC(ZSTD(1)),
    reasons            Array(LowCardinality(String)) CODEC(ZSTD(1)),
    depth              Nullable(UInt64) CODEC(T64, ZSTD(1)),
    agent_id           LowCardinality(String),
    agent_name         LowCardinality(String),
    agent_version      LowCardinality(String),
    session_id         String CODEC(ZSTD(1)),
    project_id         LowCardinality(String),
    workload           LowCardinality(String),
    trace_id           String CODEC(ZSTD(1)),
    span_id            String CODEC(ZSTD(1)),
    started_at         Nullable(DateTime64(9, 'UTC')) CODEC(ZSTD(1)),
    ended_at           Nullable(DateTime64(9, 'UTC')) CODEC(ZSTD(1)),
    dropped_links      Nullable(UInt64) CODEC(T64, ZSTD(1)),
    orphan             UInt8,
    authority          LowCardinality(String),
    principal_id       String CODEC(ZSTD(1)),
    principal_type     LowCardinality(String),
    principal_grade    LowCardinality(String),

    extra              Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    attrs_truncated    UInt32 CODEC(T64, ZSTD(1)),
    recorded_at        DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    ts_quality         LowCardinality(String),

    schema_v        UInt16,
    observed_at     DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    writer_id       LowCardinality(String),
    writer_epoch    UInt64 CODEC(DoubleDelta, ZSTD(1)),
    batch_id        FixedString(16) CODEC(ZSTD(1)),
    row_ix          UInt32 CODEC(T64, ZSTD(1)),
    inserted_at     DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta(8), ZSTD(1)),

    INDEX ix_run_id      run_id      TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX ix_session_id  session_id  TYPE bloom_filter(0.01)  GRANULARITY 1,
    INDEX ix_recorded_at recorded_at TYPE minmax              GRANULARITY 1
)
ENGINE = {replicated}MergeTree
PARTITION BY toYYYYMM(recorded_at)
ORDER BY (tenant_id, chain_id, run_id, revision)
{ttl recorded_at}
SETTINGS ttl_only_drop_parts = 1,
    non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800
