-- adding the run to table attributions_all
ALTER TABLE {db}.attributions_all{on_cluster}
    ADD COLUMN IF NOT EXISTS run_id String AFTER principal_grade,
    ADD COLUMN IF NOT EXISTS chain_id String AFTER run_id,
    ADD COLUMN IF NOT EXISTS chain_depth Nullable(UInt64) AFTER chain_id,
    ADD COLUMN IF NOT EXISTS delegation_id String AFTER chain_depth
