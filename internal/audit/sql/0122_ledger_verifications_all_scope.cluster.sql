-- adding scope and digest to ledger_verifications_all
ALTER TABLE {db}.ledger_verifications_all{on_cluster}
    ADD COLUMN IF NOT EXISTS scope String,
    ADD COLUMN IF NOT EXISTS report_digest String
