-- creating table finding_events
CREATE TABLE IF NOT EXISTS {db}.finding_events{on_cluster}
(
    tenant_id          LowCardinality(String),
    finding_id         String CODEC(ZSTD(1)),
    type               LowCardinality(String),
    severity           LowCardinality(String),
    -- firing, resolved, acknowledged or closed, and never changed: what is true now is
    -- what the last event says, see view findings
    state              LowCardinality(String),
    ts                 DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    ts_quality         LowCardinality(String),
    message            String CODEC(ZSTD(1)),
    key                String CODEC(ZSTD(1)),
    controls           Array(LowCardinality(String)) CODEC(ZSTD(1)),

    agent_id           LowCardinality(String),
    session_id         String CODEC(ZSTD(1)),
    project_id         LowCardinality(String),
    principal_id       String CODEC(ZSTD(1)),
    service_name       LowCardinality(String),
    rule               LowCardinality(String),
    policy_version     LowCardinality(String),
    trace_id           String CODEC(ZSTD(1)),
    span_id            String CODEC(ZSTD(1)),

    observed_value     Nullable(Decimal(38, 12)) CODEC(ZSTD(1)),
    expected_value     Nullable(Decimal(38, 12)) CODEC(ZSTD(1)),
    limit_value        Nullable(Decimal(38, 12)) CODEC(ZSTD(1)),
    projected_at       Nullable(DateTime64(9, 'UTC')) CODEC(ZSTD(1)),

    by_principal       String CODEC(ZSTD(1)),
    note               String CODEC(ZSTD(1)),
    ticket             String CODEC(ZSTD(1)),

    extra              Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    resource           Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    attrs_truncated    UInt32 CODEC(T64, ZSTD(1)),

    schema_v        UInt16,
    observed_at     DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    writer_id       LowCardinality(String),
    writer_epoch    UInt64 CODEC(DoubleDelta, ZSTD(1)),
    batch_id        FixedString(16) CODEC(ZSTD(1)),
    row_ix          UInt32 CODEC(T64, ZSTD(1)),
    inserted_at     DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta(8), ZSTD(1)),

    INDEX ix_finding_id finding_id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX ix_session_id session_id TYPE bloom_filter(0.01)  GRANULARITY 1,
    INDEX ix_trace_id   trace_id   TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX ix_ts         ts         TYPE minmax              GRANULARITY 1
)
ENGINE = {replicated}MergeTree
PARTITION BY toYYYYMM(ts)
ORDER BY (tenant_id, type, toStartOfHour(ts), finding_id, ts)
{ttl ts}
SETTINGS ttl_only_drop_parts = 1,
    non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800
