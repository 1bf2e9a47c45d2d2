-- creating table evidence_runs
-- A row says that somebody asked: what, of which store, at which state of its
-- ledger, and the digest of what came out.
CREATE TABLE IF NOT EXISTS {db}.evidence_runs{on_cluster}
(
    run_id            String CODEC(ZSTD(1)),
    run_at            DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    -- "run" of one question, "pack" of a whole pack and of each question in it
    kind              LowCardinality(String),
    pack_id           String CODEC(ZSTD(1)),
    -- '' in the row of a whole pack, whose result is the digest of its SHA256SUMS
    view              LowCardinality(String),
    view_version      LowCardinality(String),
    sql               String CODEC(ZSTD(3)),
    sql_digest        String CODEC(ZSTD(1)),
    params            Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    -- who said that they ask, and as whom the store knew them
    run_by            LowCardinality(String),
    store_user        LowCardinality(String),
    store_roles       Array(LowCardinality(String)),
    tool_version      LowCardinality(String),
    database          LowCardinality(String),
    server_version    LowCardinality(String),
    time_zone         LowCardinality(String),
    rows              UInt64,
    result_digest     String CODEC(ZSTD(1)),
    state             LowCardinality(String),
    coverage_pct      Nullable(Float64),
    -- the newest signed checkpoint of each writer when it was asked
    checkpoint_logs   Array(String),
    checkpoint_sizes  Array(UInt64),
    checkpoint_roots  Array(String),
    checkpoint_digests Array(String),
    inserted_at       DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta(8), ZSTD(1))
)
ENGINE = {replicated}MergeTree
PARTITION BY toYYYYMM(run_at)
ORDER BY (run_at, run_id)
SETTINGS ttl_only_drop_parts = 1,
    non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800
