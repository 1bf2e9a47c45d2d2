-- creating table schema_migrations
CREATE TABLE IF NOT EXISTS {db}.schema_migrations{on_cluster}
(
    version    UInt32,
    name       LowCardinality(String),
    checksum   String,
    applied_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = {replicated}ReplacingMergeTree(applied_at)
ORDER BY version
