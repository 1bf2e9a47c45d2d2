-- What the store holds when the dashboards are asked. planner spends 87 of 100 USD in session s1, is projected to use up
-- its budget and is halted; reader acts for it and mailer, of another collector, for reader; rogue is nobody's.
-- The agent o'b\,x has a name that must not end a string.
INSERT INTO actions
    (tenant_id, project_id, ts, observed_at, duration_ns, ts_quality, action_id, trace_id, span_id, session_id, kind, dialect, agent_id, principal_id, principal_grade,
     request_model, tool_name, tool_operation, tool_resource, outcome, input_tokens, output_tokens, cache_read_tokens, reasoning_tokens, usage_accounting,
     cost_usd, cost_status, cost_reason, run_id, chain_id, boundary_verdict, boundary_rule, baseline_maturity, policy_version, decision_effect, attrs_truncated, writer_id)
VALUES
    ('acme', 'alpha', '2026-11-20 10:00:00', '2026-11-20 10:00:12', 10000000000, 'ok', MD5('11'), 't1', 's11', 's1', 'inference', 'openai', 'planner', 'alice', 'verified', 'gpt-5', '', '', '', 'success', 1000, 100, 10, 20, 'inclusive', 29, 'priced', '', 'r1', 'C1', 'respected', 'models', 1, 'p1', 'allow', 0, 'w1'),
    ('acme', 'alpha', '2026-11-20 10:00:10', '2026-11-20 10:00:22', 10000000000, 'ok', MD5('12'), 't1', 's12', 's1', 'inference', 'openai', 'planner', 'alice', 'verified', 'gpt-5', '', '', '', 'success', 1000, 100, 10, 20, 'inclusive', 29, 'priced', '', 'r1', 'C1', 'respected', 'models', 1, 'p1', '', 0, 'w1'),
    ('acme', 'alpha', '2026-11-20 10:00:20', '2026-11-20 10:00:27', 5000000000, 'ok', MD5('13'), 't1', 's13', 's1', 'inference', 'openai', 'planner', 'alice', 'verified', 'new-model', '', '', '', 'success', 1000, 100, NULL, NULL, 'assumed', NULL, 'unpriced', 'unknown_model', 'r1', 'C1', 'respected', 'models', 1, 'p1', '', 0, 'w1'),
    ('acme', 'alpha', '2026-11-20 10:00:20', '2026-11-20 10:00:32', 10000000000, 'ok', MD5('14'), 't1', 's14', 's1', 'inference', 'openai', 'planner', 'alice', 'verified', 'gpt-5', '', '', '', 'success', 1000, 100, 10, 20, 'inclusive', 29, 'priced', '', 'r1', 'C1', 'respected', 'models', 1, 'p1', '', 0, 'w1'),
    -- says again what its children used
    ('acme', 'alpha', '2026-11-20 10:00:00', '2026-11-20 10:00:42', 40000000000, 'ok', MD5('10'), 't1', 's10', 's1', 'agent', 'openai', 'planner', 'alice', 'verified', '', '', '', '', 'success', 0, 0, 0, 0, 'rollup', NULL, 'rollup', '', 'r1', 'C1', '', '', NULL, '', '', 0, 'w1'),
    ('acme', 'alpha', '2026-11-20 10:00:35', '2026-11-20 10:00:37', 1000000000, 'ok', MD5('15'), 't1', 's15', 's1', 'tool', 'openai', 'planner', 'alice', 'verified', '', 'search_web', 'read', 'https://example.com', 'failure', NULL, NULL, NULL, NULL, '', NULL, '', '', 'r1', 'C1', 'violation', 'halt', 1, 'p1', 'halt', 0, 'w1'),
    ('acme', 'alpha', '2026-11-20 10:00:05', '2026-11-20 10:00:07', 1000000000, 'ok', MD5('21'), 't1', 's21', 's1', 'tool', 'openai', 'reader', 'alice', 'verified', '', 'mcp/erp/get_invoice', 'read', 'erp://invoices/7', 'success', NULL, NULL, NULL, NULL, '', NULL, '', '', 'r2', 'C1', 'respected', 'invoices', 0.4, 'p1', '', 0, 'w1'),
    ('acme', 'alpha', '2026-11-20 10:00:06', '2026-11-20 10:00:08', 1000000000, 'end_before_start', MD5('31'), 't2', 's31', 's2', 'tool', '', 'mailer', 'alice', 'declared', '', 'send_mail', 'send', 'mailto:stranger@example.com', 'success', NULL, NULL, NULL, NULL, '', NULL, '', '', 'r3', 'C1', 'violation', 'mail', NULL, 'p1', '', 2, 'w2'),
    ('acme', 'beta', '2026-11-20 10:00:07', '2026-11-20 10:00:09', 1000000000, 'ok', MD5('41'), 't3', 's41', 's3', 'tool', 'openai', 'rogue', '', '', '', 'shell', 'execute', '', 'success', NULL, NULL, NULL, NULL, '', NULL, '', '', 'r4', 'C2', 'unregistered', '', NULL, '', '', 0, 'w2'),
    ('acme', 'beta', '2026-11-20 10:00:08', '2026-11-20 10:00:10', 1000000000, 'ok', MD5('81'), 't8', 's81', '', 'tool', 'openai', '', '', '', '', 'shell', 'execute', '', 'success', NULL, NULL, NULL, NULL, '', NULL, '', '', '', '', '', '', NULL, '', '', 0, 'w2'),
    ('o''b\\', 'o''b\\', '2026-11-20 10:00:09', '2026-11-20 10:00:11', 1000000000, 'ok', MD5('91'), 't9', 's91', 's\\''9', 'inference', 'openai', 'o''b\\,x', 'bob', 'verified', 'gpt-5', '', '', '', 'success', 1, 1, NULL, NULL, 'inclusive', 1, 'priced', '', '', '', '', '', NULL, '', '', 0, 'w2');

-- delivered again
INSERT INTO actions SELECT * FROM actions WHERE span_id = 's11';

INSERT INTO finding_events
    (tenant_id, finding_id, type, severity, state, ts, message, key, agent_id, session_id, project_id, rule, policy_version, trace_id, span_id,
     observed_value, expected_value, limit_value, projected_at, by_principal, note, ticket, extra)
VALUES
    ('acme', 'f-warn', 'budget.warning', 'warning', 'firing', '2026-11-20 10:00:20', '58 of 100 USD are spent.', 'b/s1', 'planner', 's1', 'alpha', 'usd', 'p1', 't1', 's12', 58, NULL, 100, NULL, '', '', '',
        {'spanwarden.budget.id': 'usd', 'spanwarden.budget.scope': 'session', 'spanwarden.budget.key': 's1', 'spanwarden.budget.unit': 'usd', 'spanwarden.budget.mode': 'enforce'}),
    ('acme', 'f-proj', 'budget.projected', 'high', 'firing', '2026-11-20 10:00:30', '100 USD will be spent in 4 s.', 'b/s1', 'planner', 's1', 'alpha', 'usd', 'p1', 't1', 's14', 87, 130.5, 100, '2026-11-20 10:00:34', '', '', '',
        {'spanwarden.budget.id': 'usd', 'spanwarden.budget.scope': 'session', 'spanwarden.budget.key': 's1', 'spanwarden.budget.unit': 'usd', 'spanwarden.budget.horizon_s': '15', 'spanwarden.budget.projected_low': '130.5', 'spanwarden.budget.projected_high': '136.5'}),
    ('acme', 'f-halt', 'budget.halt', 'critical', 'firing', '2026-11-20 10:00:30', 'Session s1 was halted.', 'h/s1', 'planner', 's1', 'alpha', 'usd', 'p1', 't1', 's14', 87, NULL, 100, NULL, '', '', '',
        {'spanwarden.budget.id': 'usd', 'spanwarden.budget.scope': 'session', 'spanwarden.budget.key': 's1', 'spanwarden.budget.unit': 'usd', 'spanwarden.halt.id': 'h1', 'spanwarden.halt.reason': 'projected'}),
    ('acme', 'f-halt0', 'budget.halt', 'critical', 'firing', '2026-11-20 09:10:00', 'Agent reader was halted.', 'h/r', 'reader', '', 'alpha', 'usd', 'p1', '', '', 1, NULL, 1, NULL, '', '', '',
        {'spanwarden.budget.id': 'day', 'spanwarden.budget.scope': 'agent', 'spanwarden.budget.key': 'reader', 'spanwarden.halt.id': 'h0'}),
    ('acme', 'f-halt0', 'budget.halt', 'critical', 'resolved', '2026-11-20 09:20:00', 'Agent reader was released.', 'h/r', 'reader', '', 'alpha', 'usd', 'p1', '', '', 1, NULL, 1, NULL, '', '', '',
        {'spanwarden.budget.id': 'day', 'spanwarden.budget.scope': 'agent', 'spanwarden.budget.key': 'reader', 'spanwarden.halt.id': 'h0', 'spanwarden.halt.released_by': 'eve'}),
    ('acme', 'f-after', 'boundary.after_halt', 'critical', 'firing', '2026-11-20 10:00:35', 'planner acted after its halt.', 'a/s1', 'planner', 's1', 'alpha', '', 'p1', 't1', 's15', NULL, NULL, NULL, NULL, '', '', '', {}),
    ('acme', 'f-mail', 'delegation.constraint_violated', 'critical', 'firing', '2026-11-20 10:00:06', 'mailer wrote to a stranger.', 'm/s2', 'mailer', 's2', 'alpha', '', 'p1', 't2', 's31', NULL, NULL, NULL, NULL, '', '', '', {}),
    ('acme', 'f-mail', '', '', 'acknowledged', '2026-11-20 10:01:30', '', '', '', '', '', '', '', '', '', NULL, NULL, NULL, NULL, 'dan', 'looking into it', 'T-1', {}),
    ('acme', 'f-loop', 'baseline.loop', 'warning', 'firing', '2026-11-20 10:00:25', 'planner asks the same again.', 'l/s1', 'planner', 's1', 'alpha', '', '', 't1', 's14', 3, 0.1, 2, NULL, '', '', '',
        {'spanwarden.baseline.p': '0.001', 'spanwarden.baseline.count': '3', 'spanwarden.baseline.maturity': '1'});

INSERT INTO config_versions (tenant_id, kind, version, ts, component, by_principal, refused, refused_reason, changed_keys, declared, finding_id)
VALUES
    ('acme', 'registry', 'r1', '2026-11-20 09:59:00', 'governance', 'carol', 0, '', [], ['planner\ttool\tsearch_*', 'planner\ttool\tmcp/db/**', 'planner\tmodel\tgpt-5'], 'c1'),
    ('acme', 'registry', 'r2', '2026-11-20 10:03:00', 'governance', 'carol', 1, 'registry.yaml:4: owner: missing', ['agents.planner'], [], 'c2');

INSERT INTO runs (tenant_id, run_id, chain_id, revision, agent_id, session_id, project_id, trace_id, span_id, started_at, orphan, reasons, authority, principal_id, principal_grade, recorded_at)
VALUES
    ('acme', 'r1', 'C1', 1, 'planner', 's1', 'alpha', 't1', 's10', '2026-11-20 10:00:00', 0, [], 'respected', 'alice', 'verified', '2026-11-20 10:00:50'),
    ('acme', 'r2', 'C1', 1, 'reader', 's1', 'alpha', 't1', 's20', '2026-11-20 10:00:04', 0, [], 'respected', 'alice', 'verified', '2026-11-20 10:00:50'),
    ('acme', 'r3', 'C1', 1, 'mailer', 's2', 'alpha', 't2', 's30', '2026-11-20 10:00:05', 0, ['constraint_violated'], 'refused', '', 'missing', '2026-11-20 10:00:50'),
    ('acme', 'r4', 'C2', 1, 'rogue', 's3', 'beta', 't3', 's40', '2026-11-20 10:00:07', 1, ['orphan_run'], '', '', '', '2026-11-20 10:00:50'),
    ('acme', 'r5', 'C3', 1, 'lost', '', 'beta', 't4', 's50', '2026-11-20 10:00:08', 0, ['broken_link'], '', '', '', '2026-11-20 10:00:50'),
    ('acme', 'r6', 'C4', 1, 'planner', '', 'alpha', 't5', 's60', '2026-11-20 10:00:10', 0, [], 'respected', 'bob', 'verified', '2026-11-20 10:00:50');

INSERT INTO delegations (tenant_id, edge_id, chain_id, revision, kind, grade, authority, delegator_run_id, delegator_id, delegatee_run_id, delegatee_id, trace_id, span_id, delegation_id, granted_by, scope, expires_at, recorded_at)
VALUES
    ('acme', 'e1', 'C1', 1, 'delegate', 'verified', 'respected', 'r1', 'planner', 'r2', 'reader', 't1', 's12', 'g1', 'alice', ['read'], '2026-11-20 10:10:00', '2026-11-20 10:00:50'),
    -- of the delegator only its span is known, which is an action of r2
    ('acme', 'e2', 'C1', 1, 'delegate', 'declared', 'refused', '', 'reader', 'r3', 'mailer', 't1', 's21', 'g2', 'reader', ['mail'], NULL, '2026-11-20 10:00:50'),
    ('acme', 'e3', 'C3', 1, 'delegate', 'declared', '', '', '', 'r5', 'lost', 't7', 's99', 'g3', '', [], NULL, '2026-11-20 10:00:50'),
    -- nobody has used this grant
    ('acme', 'e4', 'C1', 1, 'delegate', 'verified', '', 'r1', 'planner', '', 'helper', 't1', 's12', 'g4', 'alice', [], NULL, '2026-11-20 10:00:50');

INSERT INTO chains (tenant_id, chain_id, revision, state, verdict, grade, root_run_id, root_agent_id, runs, edges, depth, reasons, settled_at, principal_id, principal_grade, recorded_at)
VALUES
    ('acme', 'C1', 1, 'settled', 'constraint_violated', 'declared', 'r1', 'planner', 3, 2, 2, ['constraint_violated'], '2026-11-20 10:00:55', 'alice', 'verified', '2026-11-20 10:00:55'),
    ('acme', 'C2', 1, 'settled', 'orphan_run', '', 'r4', 'rogue', 1, 0, 0, ['orphan_run'], '2026-11-20 10:00:55', '', 'missing', '2026-11-20 10:00:55'),
    ('acme', 'C4', 1, 'settled', 'unbroken', 'verified', 'r6', 'planner', 1, 0, 0, [], '2026-11-20 10:00:55', 'bob', 'verified', '2026-11-20 10:00:55');
