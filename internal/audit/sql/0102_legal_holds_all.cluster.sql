-- creating table legal_holds_all
CREATE TABLE IF NOT EXISTS {db}.legal_holds_all{on_cluster} AS {db}.legal_holds
ENGINE = Distributed({cluster}, {db_name}, 'legal_holds', cityHash64(hold_id))
