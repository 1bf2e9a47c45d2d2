-- creating table content_all
CREATE TABLE IF NOT EXISTS {db}.content_all{on_cluster} AS {db}.content
ENGINE = Distributed({cluster}, {db_name}, 'content', cityHash64(tenant_id, digest))
