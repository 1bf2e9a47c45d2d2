-- creating table agents
-- What each agent was seen to be: a row is a setup (version, prompt, tools on offer,
-- model, settings) that its model calls state, and one with version_hash '' what its
-- other actions tell. Every state may be added twice, so that a replay changes nothing.
CREATE TABLE IF NOT EXISTS {db}.agents{on_cluster}
(
    tenant_id         LowCardinality(String),
    agent_id          LowCardinality(String),
    version_hash      String,
    agent_name        SimpleAggregateFunction(anyLast, String),
    agent_version     SimpleAggregateFunction(anyLast, String),
    prompt_digest     SimpleAggregateFunction(anyLast, String),
    tools_digest      SimpleAggregateFunction(anyLast, String),
    model             SimpleAggregateFunction(anyLast, String),
    config            SimpleAggregateFunction(anyLast, String),
    first_seen        SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    last_seen         SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    tools             SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    models            SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    services          SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    -- ids of the registry's entries that its actions were held against
    entries           SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    -- when an action was last judged, and when one was last found to have no entry
    last_judged       SimpleAggregateFunction(max, Nullable(DateTime64(3, 'UTC'))),
    last_unregistered SimpleAggregateFunction(max, Nullable(DateTime64(3, 'UTC')))
)
ENGINE = {replicated}AggregatingMergeTree
ORDER BY (tenant_id, agent_id, version_hash)
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800
