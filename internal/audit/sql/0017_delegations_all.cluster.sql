-- creating table delegations_all
CREATE TABLE IF NOT EXISTS {db}.delegations_all{on_cluster} AS {db}.delegations
ENGINE = Distributed({cluster}, {db_name}, 'delegations', cityHash64(tenant_id, chain_id))
