-- creating table legal_holds
CREATE TABLE IF NOT EXISTS {db}.legal_holds{on_cluster}
(
    hold_id         String CODEC(ZSTD(1)),
    -- placed or released. View ev_legal_holds says what is true now
    event           LowCardinality(String),
    ts              DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    matter          String CODEC(ZSTD(1)),
    -- what is held: '*' is every one, and NULL no bound
    tenant          LowCardinality(String),
    table_name      LowCardinality(String),
    period_from     Nullable(DateTime64(9, 'UTC')) CODEC(ZSTD(1)),
    period_to       Nullable(DateTime64(9, 'UTC')) CODEC(ZSTD(1)),
    by_principal    String CODEC(ZSTD(1)),
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
ORDER BY (hold_id, ts)
SETTINGS ttl_only_drop_parts = 1,
    non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800
