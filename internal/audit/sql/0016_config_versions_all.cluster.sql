-- creating table config_versions_all
CREATE TABLE IF NOT EXISTS {db}.config_versions_all{on_cluster} AS {db}.config_versions
ENGINE = Distributed({cluster}, {db_name}, 'config_versions', cityHash64(tenant_id, kind))
