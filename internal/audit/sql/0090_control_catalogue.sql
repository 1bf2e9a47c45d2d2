-- creating table control_catalogue
-- Which question is evidence for which control. A key is a row's identity, and a
-- newer mapping comes beside the older one under its own version.
CREATE TABLE IF NOT EXISTS {db}.control_catalogue{on_cluster}
(
    framework         LowCardinality(String),
    framework_version LowCardinality(String),
    -- as headers of questions and findings write it, then as the framework does
    control_id        LowCardinality(String),
    official_id       LowCardinality(String),
    title             String CODEC(ZSTD(1)),
    relevance         String CODEC(ZSTD(1)),
    -- '' of a control for which there is no question
    query             LowCardinality(String),
    -- counts the mappings that this store had, the digest is of the data
    mapping_version   UInt32,
    mapping_digest    String CODEC(ZSTD(1)),
    effective_from    Date DEFAULT today()
)
ENGINE = {replicated}ReplacingMergeTree(mapping_version)
ORDER BY (mapping_version, framework, control_id, query)
