-- creating table retention_events
CREATE TABLE IF NOT EXISTS {db}.retention_events{on_cluster}
(
    event_id        String CODEC(ZSTD(1)),
    -- drop, sweep or erase
    kind            LowCardinality(String),
    ts              DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    table_name      LowCardinality(String),
    partition_id    String CODEC(ZSTD(1)),
    rows            UInt64 CODEC(T64, ZSTD(1)),
    min_ts          Nullable(DateTime64(9, 'UTC')) CODEC(ZSTD(1)),
    max_ts          Nullable(DateTime64(9, 'UTC')) CODEC(ZSTD(1)),
    policy_version  LowCardinality(String),
    policy_days     Nullable(UInt64) CODEC(T64, ZSTD(1)),
    legal_hold      UInt8,
    -- the leaves of the batches, where all are of one log
    seq_from        Nullable(UInt64) CODEC(T64, ZSTD(1)),
    seq_to          Nullable(UInt64) CODEC(T64, ZSTD(1)),
    logs            Array(String) CODEC(ZSTD(1)),
    criteria        Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    digests         Array(String) CODEC(ZSTD(1)),
    executed_by     String CODEC(ZSTD(1)),
    reason          String CODEC(ZSTD(1)),

    schema_v        UInt16,
    observed_at     DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    writer_id       LowCardinality(String),
    writer_epoch    UInt64 CODEC(DoubleDelta, ZSTD(1)),
    batch_id        FixedString(16) CODEC(ZSTD(1)),
    row_ix          UInt32 CODEC(T64, ZSTD(1)),
    inserted_at     DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta(8), ZSTD(1))
)
ENGINE = {replicated}MergeTree
PARTITION BY toYYYYMM(ts)
ORDER BY (table_name, ts, event_id)
SETTINGS ttl_only_drop_parts = 1,
    non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800
