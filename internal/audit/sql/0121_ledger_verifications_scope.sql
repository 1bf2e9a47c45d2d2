-- adding scope and digest to ledger_verifications
ALTER TABLE {db}.ledger_verifications{on_cluster}
    ADD COLUMN IF NOT EXISTS scope String CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS report_digest String CODEC(ZSTD(1))
