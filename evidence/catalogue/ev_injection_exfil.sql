-- id: ev_injection_exfil
-- number: 32
-- section: C
-- question: Which attacks (injected instructions, data on its way out) were seen, and were they stopped?
-- controls: CC6.6 CC6.8 CC7.2 A.8.7 A.8.12
-- shows: records
-- column: tenant_id # tenant
-- column: ts # when the guardrail spoke, the question was answered or the action began
-- column: category # what a guardrail calls it, else guardrail; else the code for which it was refused, else the type of finding
-- column: source # guardrail, decision or finding
-- column: source_tool # tool that was looked at, called or asked for; the guardrail's name where it names no tool
-- column: agent # agent
-- column: session_id # session
-- column: decision # what was answered: of a guardrail what it says it did, of a decision its effect, of a finding refused or not_stopped (it was done)
-- column: downstream_actions # actions that began later in the same trace
-- column: trace_id # trace
-- column: span_id # span
-- watched: SELECT countIf(kind IN ('guardrail', 'decision') OR boundary_verdict IN ('respected', 'violation')) FROM {db}.ev_actions(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
-- not_observed: No guardrail told of itself, nobody asked before acting, and no action was held against a boundary: attacks could not be seen.
-- zero: Actions were looked at, and none was an attack as far as guardrails and rules say.
WITH
findings AS
(
    SELECT tenant_id, first_seen AS ts, trace_id, span_id, type, agent_id, session_id, extra
    FROM {db}.ev_finding_states(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
    WHERE type IN ('boundary.data', 'boundary.resource', 'boundary.argument', 'boundary.denied_but_executed')
        AND first_seen >= {period_start:DateTime64(3,'UTC')}
),
attacks AS
(
    SELECT
        tenant_id, ts, trace_id, span_id, toString(agent_id) AS agent, session_id, toString(kind) AS source,
        if(source = 'decision', decision_reason,
            arrayFirst(v -> v != '', [attrs['gen_ai.guardrail.risk.category'], attrs['gen_ai.guardrail.risk.type'], attrs['gen_ai.security.category'], 'guardrail'])) AS category,
        if(source = 'decision' OR tool_name != '', toString(tool_name), attrs['gen_ai.guardrail.name']) AS source_tool,
        if(source = 'decision', toString(decision_effect),
            arrayFirst(v -> v != '', [attrs['gen_ai.guardrail.result.action'], attrs['gen_ai.guardrail.result.decision'], 'triggered'])) AS decision
    FROM {db}.ev_actions(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
    WHERE kind = 'decision' AND decision_effect IN ('deny', 'halt', 'ask')
        AND (decision_reason IN ('data_not_allowed', 'resource_not_allowed', 'arg_not_allowed') OR startsWith(decision_reason, 'arg_'))
        OR kind = 'guardrail' AND
        (
            lower(attrs['gen_ai.guardrail.triggered']) IN ('true', '1')
            OR lower(attrs['gen_ai.guardrail.result.action']) NOT IN ('', 'allow', 'allowed', 'pass', 'passed', 'none')
            OR lower(attrs['gen_ai.guardrail.result.decision']) NOT IN ('', 'allow', 'allowed', 'pass', 'passed', 'none')
            OR mapExists((k, v) -> startsWith(k, 'gen_ai.guardrail.risk.') AND v != '', attrs)
        )
    UNION ALL
    SELECT
        f.tenant_id, f.ts, f.trace_id, f.span_id, toString(f.agent_id), f.session_id, 'finding', toString(f.type),
        toString(a.tool_name), 'not_stopped'
    FROM findings AS f
    LEFT JOIN
    (
        SELECT tenant_id, trace_id, span_id, any(tool_name) AS tool_name
        FROM {db}.actions{all}
        WHERE ts >= {period_start:DateTime64(3,'UTC')} AND ts < {period_end:DateTime64(3,'UTC')}
            AND (trace_id, span_id) IN
            (
                SELECT trace_id, span_id FROM {db}.finding_events{all}
                WHERE ts >= {period_start:DateTime64(3,'UTC')} AND ts < {period_end:DateTime64(3,'UTC')}
                    AND type IN ('boundary.data', 'boundary.resource', 'boundary.argument', 'boundary.denied_but_executed')
            )
        GROUP BY tenant_id, trace_id, span_id
    ) AS a ON a.tenant_id = f.tenant_id AND a.trace_id = f.trace_id AND a.span_id = f.span_id
),
traces AS
(
    SELECT tenant_id, trace_id, arraySort(groupArray(ts)) AS begun
    FROM
    (
        SELECT tenant_id, trace_id, ts FROM {db}.actions{all}
        WHERE ts >= {period_start:DateTime64(3,'UTC')} AND ts < {period_end:DateTime64(3,'UTC')} AND kind NOT IN ('guardrail', 'decision')
            AND trace_id IN
            (
                -- of what may be an attack: cheaper to say than what is one
                SELECT trace_id FROM {db}.actions{all}
                WHERE ts >= {period_start:DateTime64(3,'UTC')} AND ts < {period_end:DateTime64(3,'UTC')}
                    AND (kind = 'guardrail' OR kind = 'decision' AND decision_effect IN ('deny', 'halt', 'ask')
                        AND (decision_reason IN ('data_not_allowed', 'resource_not_allowed') OR startsWith(decision_reason, 'arg_')))
                UNION ALL
                SELECT trace_id FROM {db}.finding_events{all}
                WHERE ts >= {period_start:DateTime64(3,'UTC')} AND ts < {period_end:DateTime64(3,'UTC')}
                    AND type IN ('boundary.data', 'boundary.resource', 'boundary.argument', 'boundary.denied_but_executed')
            )
        LIMIT 1 BY tenant_id, action_id
    )
    GROUP BY tenant_id, trace_id
)
SELECT
    x.tenant_id AS tenant_id, x.ts AS ts, x.category AS category, x.source AS source, x.source_tool AS source_tool, x.agent AS agent, x.session_id AS session_id,
    x.decision AS decision, arrayCount(b -> b > x.ts, t.begun) AS downstream_actions, x.trace_id AS trace_id, x.span_id AS span_id
FROM attacks AS x
LEFT JOIN traces AS t ON t.tenant_id = x.tenant_id AND t.trace_id = x.trace_id
ORDER BY x.ts, x.tenant_id, x.trace_id, x.span_id, x.source
