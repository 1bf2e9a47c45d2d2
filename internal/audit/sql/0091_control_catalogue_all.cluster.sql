-- creating table control_catalogue_all
CREATE TABLE IF NOT EXISTS {db}.control_catalogue_all{on_cluster} AS {db}.control_catalogue
ENGINE = Distributed({cluster}, {db_name}, 'control_catalogue', cityHash64(framework))
