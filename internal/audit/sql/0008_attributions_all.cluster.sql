-- creating table attributions_all
CREATE TABLE IF NOT EXISTS {db}.attributions_all{on_cluster} AS {db}.attributions
ENGINE = Distributed({cluster}, {db_name}, 'attributions', cityHash64(trace_id))
