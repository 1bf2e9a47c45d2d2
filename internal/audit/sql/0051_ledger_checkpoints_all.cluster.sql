-- creating table ledger_checkpoints_all
CREATE TABLE IF NOT EXISTS {db}.ledger_checkpoints_all{on_cluster} AS {db}.ledger_checkpoints
ENGINE = Distributed({cluster}, {db_name}, 'ledger_checkpoints', cityHash64(writer_id))
