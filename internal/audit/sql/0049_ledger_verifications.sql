-- creating table ledger_verifications
CREATE TABLE IF NOT EXISTS {db}.ledger_verifications{on_cluster}
(
    run_id          String CODEC(ZSTD(1)),
    ts              DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    tool_version    LowCardinality(String),
    by_principal    String CODEC(ZSTD(1)),
    scope_from      DateTime64(3, 'UTC'),
    scope_to        DateTime64(3, 'UTC'),
    batches         UInt64,
    rows            UInt64,
    missing_seq     UInt64,
    missing_rows    UInt64,
    digest_mismatch UInt64,
    unsealed_rows   UInt64,
    anchors_checked UInt64,
    anchor_mismatch UInt64,
    result          LowCardinality(String),
    report          String CODEC(ZSTD(3)),
    inserted_at     DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta(8), ZSTD(1))
)
ENGINE = {replicated}MergeTree
PARTITION BY toYYYYMM(ts)
ORDER BY (ts, run_id)
SETTINGS ttl_only_drop_parts = 1,
    non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800
