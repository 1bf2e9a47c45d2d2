-- creating table prices_all
CREATE TABLE IF NOT EXISTS {db}.prices_all{on_cluster} AS {db}.prices
ENGINE = Distributed({cluster}, {db_name}, 'prices', cityHash64(book, price_id))
