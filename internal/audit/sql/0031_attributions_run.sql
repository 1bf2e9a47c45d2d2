-- adding the run to table attributions
ALTER TABLE {db}.attributions{on_cluster}
    ADD COLUMN IF NOT EXISTS run_id String CODEC(ZSTD(1)) AFTER principal_grade,
    ADD COLUMN IF NOT EXISTS chain_id String CODEC(ZSTD(1)) AFTER run_id,
    ADD COLUMN IF NOT EXISTS chain_depth Nullable(UInt64) CODEC(T64, ZSTD(1)) AFTER chain_id,
    ADD COLUMN IF NOT EXISTS delegation_id String CODEC(ZSTD(1)) AFTER chain_depth
