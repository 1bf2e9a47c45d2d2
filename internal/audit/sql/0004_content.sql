-- creating table content
CREATE TABLE IF NOT EXISTS {db}.content{on_cluster}
(
    tenant_id  LowCardinality(String),
    digest     String,
    ts         DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    role       LowCardinality(String),
    media_type LowCardinality(String),
    salt       String,
    body       String CODEC(ZSTD(3)),
    body_bytes UInt64 CODEC(T64, ZSTD(1)),
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta(8), ZSTD(1))
)
ENGINE = {replicated}ReplacingMergeTree
PARTITION BY toYYYYMM(ts)
ORDER BY (tenant_id, digest)
{content_ttl ts}
SETTINGS ttl_only_drop_parts = 1, index_granularity_bytes = 67108864, merge_max_block_size_bytes = 67108864,
    non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800
