-- creating table actions_all
CREATE TABLE IF NOT EXISTS {db}.actions_all{on_cluster} AS {db}.actions
ENGINE = Distributed({cluster}, {db_name}, 'actions', cityHash64(tenant_id, trace_id))
