-- creating table evidence_runs_all
CREATE TABLE IF NOT EXISTS {db}.evidence_runs_all{on_cluster} AS {db}.evidence_runs
ENGINE = Distributed({cluster}, {db_name}, 'evidence_runs', cityHash64(run_id))
