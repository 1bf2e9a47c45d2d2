-- creating table finding_events_all
CREATE TABLE IF NOT EXISTS {db}.finding_events_all{on_cluster} AS {db}.finding_events
ENGINE = Distributed({cluster}, {db_name}, 'finding_events', cityHash64(tenant_id, finding_id))
