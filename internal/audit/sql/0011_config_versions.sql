-- creating table config_versions
CREATE TABLE IF NOT EXISTS {db}.config_versions{on_cluster}
(
    tenant_id          LowCardinality(String),
    kind               LowCardinality(String),
    version            String CODEC(ZSTD(1)),
    previous           String CODEC(ZSTD(1)),
    ts                 DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    ts_quality         LowCardinality(String),
    component          LowCardinality(String),
    changed_keys       Array(String) CODEC(ZSTD(1)),
    files              Array(String) CODEC(ZSTD(1)),
    by_principal       String CODEC(ZSTD(1)),
    refused            UInt8,
    refused_reason     String CODEC(ZSTD(1)),
    diff               String CODEC(ZSTD(3)),
    content            String CODEC(ZSTD(3)),
    -- what a registry lets agents use: agent id, tool or model, pattern, parted by tabs
    declared           Array(String) CODEC(ZSTD(3)),
    message            String CODEC(ZSTD(1)),
    finding_id         String CODEC(ZSTD(1)),
    extra              Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    attrs_truncated    UInt32 CODEC(T64, ZSTD(1)),

    schema_v        UInt16,
    observed_at     DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    writer_id       LowCardinality(String),
    writer_epoch    UInt64 CODEC(DoubleDelta, ZSTD(1)),
    batch_id        FixedString(16) CODEC(ZSTD(1)),
    row_ix          UInt32 CODEC(T64, ZSTD(1)),
    inserted_at     DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta(8), ZSTD(1)),

    INDEX ix_version version TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = {replicated}MergeTree
PARTITION BY toYYYYMM(ts)
ORDER BY (kind, tenant_id, ts, version)
SETTINGS ttl_only_drop_parts = 1,
    non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800
