-- creating table actions
CREATE TABLE IF NOT EXISTS {db}.actions{on_cluster}
(
    tenant_id       LowCardinality(String),
    project_id      LowCardinality(String),
    environment     LowCardinality(String),
    ts              DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    observed_at     DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    duration_ns     UInt64 CODEC(T64, ZSTD(1)),
    ts_quality      LowCardinality(String),

    action_id       FixedString(16) CODEC(ZSTD(1)),
    trace_id        String CODEC(ZSTD(1)),
    span_id         String CODEC(ZSTD(1)),
    parent_span_id  String CODEC(ZSTD(1)),
    session_id      String CODEC(ZSTD(1)),
    conversation_id String CODEC(ZSTD(1)),

    kind            LowCardinality(String),
    dialect         LowCardinality(String),
    operation       LowCardinality(String),
    span_name       LowCardinality(String),
    service_name    LowCardinality(String),
    scope_name      LowCardinality(String),
    scope_version   LowCardinality(String),

    agent_id        LowCardinality(String),
    agent_name      LowCardinality(String),
    agent_version   LowCardinality(String),
    principal_id    String CODEC(ZSTD(1)),
    principal_type  LowCardinality(String),
    principal_grade LowCardinality(String),

    provider        LowCardinality(String),
    gateway         LowCardinality(String),
    request_model   LowCardinality(String),
    response_model  LowCardinality(String),
    response_id     String CODEC(ZSTD(1)),
    finish_reason   LowCardinality(String),
    service_tier    LowCardinality(String),

    tool_name       LowCardinality(String),
    tool_type       LowCardinality(String),
    tool_call_id    String CODEC(ZSTD(1)),
    tool_operation  LowCardinality(String),
    tool_resource   String CODEC(ZSTD(1)),
    mcp_server      LowCardinality(String),

    outcome         LowCardinality(String),
    error_type      LowCardinality(String),
    status_message  String CODEC(ZSTD(1)),

    -- NULL is "not known", never 0, and a roll-up states 0, so that sum() is the truth.
    input_tokens          Nullable(UInt64) CODEC(T64, ZSTD(1)),
    output_tokens         Nullable(UInt64) CODEC(T64, ZSTD(1)),
    cache_read_tokens     Nullable(UInt64) CODEC(T64, ZSTD(1)),
    cache_write_tokens    Nullable(UInt64) CODEC(T64, ZSTD(1)),
    cache_write_1h_tokens Nullable(UInt64) CODEC(T64, ZSTD(1)),
    reasoning_tokens      Nullable(UInt64) CODEC(T64, ZSTD(1)),
    usage_accounting      LowCardinality(String),
    usage_estimated       UInt8,
    usage_invalid         UInt8,

    cost_usd             Nullable(Decimal(38, 12)) CODEC(ZSTD(1)),
    cost_input_usd       Nullable(Decimal(38, 12)) CODEC(ZSTD(1)),
    cost_output_usd      Nullable(Decimal(38, 12)) CODEC(ZSTD(1)),
    cost_cache_read_usd  Nullable(Decimal(38, 12)) CODEC(ZSTD(1)),
    cost_cache_write_usd Nullable(Decimal(38, 12)) CODEC(ZSTD(1)),
    cost_other_usd       Nullable(Decimal(38, 12)) CODEC(ZSTD(1)),
    cost_list_usd        Nullable(Decimal(38, 12)) CODEC(ZSTD(1)),
    cost_reported_usd    Nullable(Decimal(38, 12)) CODEC(ZSTD(1)),
    cost_status          LowCardinality(String),
    cost_reason          LowCardinality(String),
    cost_price_id        LowCardinality(String),
    cost_price_from      LowCardinality(String),
    cost_book            LowCardinality(String),
    cost_contract_id     LowCardinality(String),
    cost_match           LowCardinality(String),
    cost_conditions      LowCardinality(String),

    run_id               String CODEC(ZSTD(1)),
    chain_id             String CODEC(ZSTD(1)),
    chain_depth          Nullable(UInt64) CODEC(T64, ZSTD(1)),
    delegation_id        String CODEC(ZSTD(1)),
    delegation_delegator LowCardinality(String),
    delegation_grade     LowCardinality(String),
    boundary_verdict     LowCardinality(String),
    boundary_rule        LowCardinality(String),
    baseline_maturity    Nullable(Decimal(38, 12)) CODEC(ZSTD(1)),
    policy_version       LowCardinality(String),
    decision_id          String CODEC(ZSTD(1)),
    decision_effect      LowCardinality(String),
    decision_reason      String CODEC(ZSTD(1)),
    decision_rule        LowCardinality(String),

    attrs           Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    resource        Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    content_refs    Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    attrs_truncated UInt32 CODEC(T64, ZSTD(1)),

    -- one element a link, all three of equal length
    link_trace_ids  Array(String) CODEC(ZSTD(1)),
    link_span_ids   Array(String) CODEC(ZSTD(1)),
    link_attrs      Array(Map(LowCardinality(String), String)) CODEC(ZSTD(1)),
    event_names     Array(LowCardinality(String)) CODEC(ZSTD(1)),

    schema_v        UInt16,
    writer_id       LowCardinality(String),
    writer_epoch    UInt64 CODEC(DoubleDelta, ZSTD(1)),
    batch_id        FixedString(16) CODEC(ZSTD(1)),
    row_ix          UInt32 CODEC(T64, ZSTD(1)),
    inserted_at     DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta(8), ZSTD(1)),

    INDEX ix_trace_id     trace_id       TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX ix_session_id   session_id     TYPE bloom_filter(0.01)  GRANULARITY 1,
    INDEX ix_principal_id principal_id   TYPE bloom_filter(0.01)  GRANULARITY 1,
    INDEX ix_tool_call_id tool_call_id   TYPE bloom_filter(0.01)  GRANULARITY 1,
    INDEX ix_resource     tool_resource  TYPE bloom_filter(0.01)  GRANULARITY 1,
    INDEX ix_run_id       run_id         TYPE bloom_filter(0.01)  GRANULARITY 1,
    INDEX ix_chain_id     chain_id       TYPE bloom_filter(0.01)  GRANULARITY 1,
    INDEX ix_batch_id     batch_id       TYPE bloom_filter(0.01)  GRANULARITY 1,
    INDEX ix_attr_keys    mapKeys(attrs) TYPE bloom_filter(0.01)  GRANULARITY 1,
    INDEX ix_ts           ts             TYPE minmax              GRANULARITY 1,
    INDEX ix_decision     decision_effect TYPE set(16)            GRANULARITY 4,
    INDEX ix_outcome      outcome        TYPE set(16)             GRANULARITY 4
)
ENGINE = {replicated}MergeTree
PARTITION BY toYYYYMM(ts)
PRIMARY KEY (tenant_id, agent_id, toStartOfHour(ts))
ORDER BY (tenant_id, agent_id, toStartOfHour(ts), trace_id, span_id, ts)
{ttl ts}
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1,
    non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800
