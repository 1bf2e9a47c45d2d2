-- creating table ledger_checkpoints
CREATE TABLE IF NOT EXISTS {db}.ledger_checkpoints{on_cluster}
(
    writer_id    LowCardinality(String),
    writer_epoch UInt64,
    size         UInt64,
    root         String CODEC(ZSTD(1)),
    ts           DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    note         String CODEC(ZSTD(1)),
    -- where a copy is held outside this store
    anchor_kinds Array(LowCardinality(String)),
    anchor_uris  Array(String),
    anchor_errors Array(String),
    inserted_at  DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta(8), ZSTD(1))
)
ENGINE = {replicated}MergeTree
PARTITION BY toYYYYMM(ts)
ORDER BY (writer_id, writer_epoch, size, ts)
SETTINGS ttl_only_drop_parts = 1,
    non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800
