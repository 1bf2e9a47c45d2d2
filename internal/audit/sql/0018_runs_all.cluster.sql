-- creating table runs_all
CREATE TABLE IF NOT EXISTS {db}.runs_all{on_cluster} AS {db}.runs
ENGINE = Distributed({cluster}, {db_name}, 'runs', cityHash64(tenant_id, chain_id))
