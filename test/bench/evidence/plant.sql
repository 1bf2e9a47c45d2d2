-- A year of agents: {rows} actions of five tenants, of which this is slice {slice} of {slices}; beside them what the
-- product writes with so many actions. Row i of a slice is action i * {slices} + {slice}, spread evenly over 2026.
INSERT INTO actions (tenant_id, project_id, ts, observed_at, duration_ns, action_id, trace_id, span_id, parent_span_id, session_id, kind, dialect,
    service_name, agent_id, agent_name, agent_version, principal_id, principal_type, principal_grade, provider, request_model, response_id, finish_reason,
    tool_name, tool_operation, tool_resource, mcp_server, outcome, error_type, input_tokens, output_tokens, usage_accounting, cost_usd, cost_status,
    cost_price_id, run_id, chain_id, boundary_verdict, boundary_rule, policy_version, decision_id, decision_effect, decision_reason, attrs, resource,
    writer_id, writer_epoch, batch_id, row_ix, inserted_at)
WITH
    number * {slices} + {slice} AS i,
    toDateTime64('2026-01-01 00:00:00', 9, 'UTC') + toIntervalMillisecond(intDiv(i * 31536000, {rows}) * 1000 + i % 1000) AS at,
    multiIf(i % 20 < 9, 'inference', i % 20 < 17, 'tool', i % 20 = 17, 'agent', i % 20 = 18, 'decision', 'retrieval') AS k,
    k = 'inference' AS llm, k IN ('tool', 'decision') AS tool, intDiv(i, 50) AS s, cityHash64(i) AS h
SELECT
    concat('tenant-', toString(s % 5)), concat('project-', toString(s % 25)), at, at + toIntervalSecond(1), 1000000 * (1 + h % 5000), unhex(hex(MD5(toString(i)))),
    lower(hex(MD5(toString(s)))), leftPad(lower(hex(i)), 16, '0'), '', concat('session-', toString(s)), k, 'semconv',
    concat('service-', toString(s % 40)), concat('agent-', toString(s % 200)), concat('Agent ', toString(s % 200)), toString(1 + intDiv(s, 1000) % 7),
    if(h % 50 = 0, '', concat('user-', toString(s % 3000))), if(h % 50 = 0, '', 'user'), if(h % 50 = 0, 'missing', 'declared'),
    if(llm, ['openai', 'anthropic', 'google'][1 + s % 3], ''), if(llm, concat('model-', toString(s % 12)), ''), if(llm, concat('resp-', toString(i)), ''), if(llm, if(h % 97 = 0, 'length', 'stop'), ''),
    if(tool, concat('mcp/crm/tool_', toString(h % 60)), ''), if(tool, ['read', 'write', 'send', 'delete', 'execute'][1 + h % 5], ''),
    if(tool, concat('crm://customers/', toString(h % 100000)), ''), if(tool, 'crm', ''), if(h % 100 = 0, 'failure', 'success'), if(h % 100 = 0, 'timeout', ''),
    if(llm, 1000 + h % 5000, NULL), if(llm, h % 800, NULL), if(llm, 'inclusive', ''), if(llm AND h % 200 != 0, toDecimal128((1000 + h % 5000) / 1000000, 12), NULL), if(llm, if(h % 200 = 0, 'unpriced', 'priced'), ''),
    if(llm, concat('price-', toString(s % 12)), ''), concat(lower(hex(MD5(toString(s)))), '-root'), concat('chain-', toString(intDiv(s, 3))), if(tool, if(h % 300 = 0, 'violation', 'respected'), ''),
    if(tool, 'rule', ''), concat('v', toString(toMonth(at))), if(k = 'decision', lower(hex(MD5(concat('d', toString(i))))), ''), if(k = 'decision', if(h % 30 = 0, 'deny', 'allow'), ''),
    if(k = 'decision' AND h % 30 = 0, 'tool_not_allowed', ''), map('gen_ai.operation.name', k, 'spanwarden.egress.host', concat('host-', toString(h % 300))),
    map('service.name', concat('service-', toString(s % 40)), 'telemetry.sdk.language', 'go'),
    concat('w', toString(s % 2)), 1, unhex(hex(MD5(concat('b', toString(intDiv(number, 8192)), '-', toString({slice}), '-', toString(s % 2), '-', toString(toMonth(at)))))), toUInt32(number % 8192), at + toIntervalSecond(2)
FROM numbers(intDiv({rows}, {slices}));

INSERT INTO attributions (action_id, trace_id, span_id, agent_id, session_id, run_id, chain_id, chain_depth, settled_ts, observed_at, writer_id, writer_epoch, batch_id, row_ix, inserted_at)
SELECT action_id, trace_id, span_id, agent_id, session_id, run_id, chain_id, 1, ts, ts + toIntervalSecond(30), writer_id, 1, batch_id, row_ix, inserted_at
FROM actions WHERE cityHash64(action_id, {slice}) % (20 * {slices}) = 0;

INSERT INTO finding_events (tenant_id, finding_id, type, severity, state, ts, message, key, controls, agent_id, session_id, rule, trace_id, span_id, observed_at, writer_id, writer_epoch, batch_id, row_ix, inserted_at)
SELECT tenant_id, lower(hex(action_id)), ['boundary.tool', 'baseline.rate', 'budget.warning', 'delegation.orphan_run', 'baseline.loop'][1 + row_ix % 5], ['info', 'warning', 'high', 'critical'][1 + row_ix % 4], 'firing', ts,
    'something was found', concat('k-', toString(row_ix)), ['CC6.1', 'CC7.2'], agent_id, session_id, 'rule', trace_id, span_id, ts, writer_id, 1, batch_id, row_ix, inserted_at
FROM actions WHERE cityHash64(action_id, 7, {slice}) % (300 * {slices}) = 0;

INSERT INTO runs (tenant_id, run_id, chain_id, revision, agent_id, session_id, trace_id, span_id, started_at, recorded_at, principal_id, principal_grade, authority, observed_at, writer_id, writer_epoch, batch_id, row_ix, inserted_at)
SELECT tenant_id, run_id, chain_id, 1, any(agent_id), any(session_id), any(trace_id), any(span_id), min(ts), min(ts), any(principal_id), 'declared', 'respected', min(ts), any(writer_id), 1, any(batch_id), any(row_ix), min(inserted_at)
FROM actions WHERE span_id LIKE '%{slice}' GROUP BY tenant_id, run_id, chain_id;

INSERT INTO delegations (tenant_id, edge_id, chain_id, revision, kind, grade, delegator_run_id, delegator_id, delegatee_run_id, delegatee_id, trace_id, span_id, delegation_id, recorded_at, observed_at, writer_id, writer_epoch, batch_id, row_ix, inserted_at)
SELECT tenant_id, concat('edge-', run_id), chain_id, 1, 'delegate', 'declared', '', agent_id, run_id, agent_id, trace_id, span_id, concat('dlg-', run_id), recorded_at, recorded_at, writer_id, 1, batch_id, row_ix, inserted_at
FROM runs WHERE cityHash64(run_id) % 3 = 0;

INSERT INTO chains (tenant_id, chain_id, revision, state, verdict, grade, root_run_id, runs, edges, recorded_at, observed_at, writer_id, writer_epoch, batch_id, row_ix, inserted_at)
SELECT tenant_id, chain_id, 1, 'settled', 'respected', 'declared', any(run_id), count(), count() - 1, min(recorded_at), min(recorded_at), any(writer_id), 1, any(batch_id), any(row_ix), min(inserted_at)
FROM runs GROUP BY tenant_id, chain_id;

INSERT INTO ledger_batches (writer_id, writer_epoch, seq, entry_kind, sealed_at, table_name, batch_id, rows, hash_v, leaf_hash, inserted_at)
SELECT writer_id, 1, 1000000 * (1 + {slice}) + rowNumberInAllBlocks(), 'batch', min(inserted_at), t, batch_id, count(), 1, lower(hex(MD5(concat(t, hex(batch_id))))), min(inserted_at)
FROM
(
    SELECT 'actions' AS t, writer_id, batch_id, inserted_at FROM actions
    UNION ALL SELECT 'attributions', writer_id, batch_id, inserted_at FROM attributions
    UNION ALL SELECT 'finding_events', writer_id, batch_id, inserted_at FROM finding_events
    UNION ALL SELECT 'runs', writer_id, batch_id, inserted_at FROM runs
    UNION ALL SELECT 'delegations', writer_id, batch_id, inserted_at FROM delegations
    UNION ALL SELECT 'chains', writer_id, batch_id, inserted_at FROM chains
)
WHERE (t, batch_id) NOT IN (SELECT toString(table_name), batch_id FROM ledger_batches)
GROUP BY t, writer_id, batch_id;

INSERT INTO ledger_batches (writer_id, writer_epoch, seq, entry_kind, sealed_at, leaf_hash, spans_received, spans_written)
SELECT concat('w', toString(number % 2)), 1, intDiv(number, 2), if(number < 2, 'genesis', 'heartbeat'), toDateTime64('2026-01-01 00:00:00', 3, 'UTC') + toIntervalMinute(intDiv(number, 2)), lower(hex(MD5(concat('hb', toString(number))))), 10, 10
FROM numbers(if({slice} = 0, 2 * 60 * 24 * 365, 0))
