-- creating table retention_events_all
CREATE TABLE IF NOT EXISTS {db}.retention_events_all{on_cluster} AS {db}.retention_events
ENGINE = Distributed({cluster}, {db_name}, 'retention_events', cityHash64(event_id))
