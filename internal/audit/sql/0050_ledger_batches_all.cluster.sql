-- creating table ledger_batches_all
CREATE TABLE IF NOT EXISTS {db}.ledger_batches_all{on_cluster} AS {db}.ledger_batches
ENGINE = Distributed({cluster}, {db_name}, 'ledger_batches', cityHash64(writer_id))
