-- creating table ledger_verifications_all
CREATE TABLE IF NOT EXISTS {db}.ledger_verifications_all{on_cluster} AS {db}.ledger_verifications
ENGINE = Distributed({cluster}, {db_name}, 'ledger_verifications', cityHash64(run_id))
