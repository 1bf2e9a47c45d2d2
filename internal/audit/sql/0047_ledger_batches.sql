-- creating table ledger_batches
CREATE TABLE IF NOT EXISTS {db}.ledger_batches{on_cluster}
(
    writer_id      LowCardinality(String),
    writer_epoch   UInt64,
    seq            UInt64 CODEC(DoubleDelta, ZSTD(1)),
    entry_kind     LowCardinality(String),
    sealed_at      DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    -- of a batch: what the rows of one insert are
    table_name     LowCardinality(String),
    batch_id       FixedString(16) CODEC(ZSTD(1)),
    rows           UInt32 CODEC(T64, ZSTD(1)),
    batch_digest   String CODEC(ZSTD(1)),
    hash_v         UInt8,
    min_ts         DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    max_ts         DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    -- spans and log records since the leaf before that counts
    spans_received UInt64 CODEC(T64, ZSTD(1)),
    spans_written  UInt64 CODEC(T64, ZSTD(1)),
    spans_filtered UInt64 CODEC(T64, ZSTD(1)),
    spans_refused  UInt64 CODEC(T64, ZSTD(1)),
    detail         Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    -- what is hashed and signed, and the columns above repeat it
    leaf           String CODEC(ZSTD(1)),
    leaf_hash      String CODEC(ZSTD(1)),
    note           String CODEC(ZSTD(1)),
    inserted_at    DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta(8), ZSTD(1)),

    INDEX ix_batch_id batch_id TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = {replicated}MergeTree
PARTITION BY toYYYYMM(sealed_at)
ORDER BY (writer_id, writer_epoch, seq)
SETTINGS ttl_only_drop_parts = 1,
    non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800
