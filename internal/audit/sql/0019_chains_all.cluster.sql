-- creating table chains_all
CREATE TABLE IF NOT EXISTS {db}.chains_all{on_cluster} AS {db}.chains
ENGINE = Distributed({cluster}, {db_name}, 'chains', cityHash64(tenant_id, chain_id))
