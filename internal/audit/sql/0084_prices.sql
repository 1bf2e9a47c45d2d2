-- creating table prices
-- Rates that calls were priced by, told with the first call of a process. An amount is
-- quantity * num / den pico-USD, rounded half to even. A row that is told again is the
-- same row.
CREATE TABLE IF NOT EXISTS {db}.prices{on_cluster}
(
    book            LowCardinality(String),
    price_id        LowCardinality(String),
    price_from      LowCardinality(String),
    contract_id     LowCardinality(String),
    conditions      LowCardinality(String),
    provider        LowCardinality(String),
    model           LowCardinality(String),
    token_type      LowCardinality(String),
    unit_cost_num   String,
    unit_cost_den   String,
    usd_per_million String,
    currency        LowCardinality(String) DEFAULT 'USD',
    marginal        UInt8,
    source          String,
    first_used      DateTime64(3, 'UTC'),
    inserted_at     DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = {replicated}ReplacingMergeTree(inserted_at)
ORDER BY (book, price_id, price_from, contract_id, conditions, token_type, unit_cost_num, unit_cost_den, marginal)
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800
