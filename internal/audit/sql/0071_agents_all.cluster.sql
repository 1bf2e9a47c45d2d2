-- creating table agents_all
CREATE TABLE IF NOT EXISTS {db}.agents_all{on_cluster} AS {db}.agents
ENGINE = Distributed({cluster}, {db_name}, 'agents', cityHash64(tenant_id, agent_id))
