-- creating table delegations
CREATE TABLE IF NOT EXISTS {db}.delegations{on_cluster}
(
    tenant_id          LowCardinality(String),
    edge_id            String CODEC(ZSTD(1)),
    chain_id           String CODEC(ZSTD(1)),
    revision           UInt64 CODEC(T64, ZSTD(1)),
    supersedes         String CODEC(ZSTD(1)),
    reasons            Array(LowCardinality(String)) CODEC(ZSTD(1)),
    kind               LowCardinality(String),
    grade              LowCardinality(String),
    authority          LowCardinality(String),
    depth              Nullable(UInt64) CODEC(T64, ZSTD(1)),

    delegator_run_id   String CODEC(ZSTD(1)),
    delegator_id       LowCardinality(String),
    delegatee_run_id   String CODEC(ZSTD(1)),
    delegatee_id       LowCardinality(String),
    -- of the delegating span, which is all that is known of an unresolved delegator
    trace_id           String CODEC(ZSTD(1)),
    span_id            String CODEC(ZSTD(1)),

    delegation_id      String CODEC(ZSTD(1)),
    parent_delegation_id  String CODEC(ZSTD(1)),
    granted_by         String CODEC(ZSTD(1)),
    approved_by        String CODEC(ZSTD(1)),
    purpose            String CODEC(ZSTD(1)),
    scope              Array(String) CODEC(ZSTD(1)),
    constraints        String CODEC(ZSTD(1)),
    constraints_digest String CODEC(ZSTD(1)),
    not_before         Nullable(DateTime64(9, 'UTC')) CODEC(ZSTD(1)),
    expires_at         Nullable(DateTime64(9, 'UTC')) CODEC(ZSTD(1)),
    revoked_at         Nullable(DateTime64(9, 'UTC')) CODEC(ZSTD(1)),
    max_depth          Nullable(UInt64) CODEC(T64, ZSTD(1)),
    credential_type    LowCardinality(String),
    credential_digest  String CODEC(ZSTD(1)),
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

    INDEX ix_delegation_id delegation_id    TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX ix_delegatee     delegatee_run_id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX ix_trace_id      trace_id         TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX ix_recorded_at   recorded_at      TYPE minmax              GRANULARITY 1
)
ENGINE = {replicated}MergeTree
PARTITION BY toYYYYMM(recorded_at)
ORDER BY (tenant_id, chain_id, edge_id, revision)
{ttl recorded_at}
SETTINGS ttl_only_drop_parts = 1,
    non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800
