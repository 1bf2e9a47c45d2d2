-- id: ev_scope_exceeded
-- number: 21
-- section: B
-- question: Which actions exceeded the authority of their agent?
-- controls: CC6.1 CC6.3 A.8.2 A.8.3
-- shows: exceptions
-- column: tenant_id # tenant
-- column: ts # start of the action; of a run without a stored span, when it was found out
-- column: trace # trace id
-- column: span_id # span id
-- column: agent # agent that acted
-- column: tool # tool, empty where a run or a model call is accused
-- column: class # read, write, delete, execute, send, delegate, invoke_model, admin
-- column: root_principal # on whose behalf, empty where nobody is known
-- column: scopes # what the grant that it acted under names; empty where it had none
-- column: reason # expired: authority had ended, or not begun. out_of_scope: a grant, or the agent's own entry, does not give this. no_record: no grant, link or parent gives any authority
-- column: findings # types of the findings that say so
-- column: outcome # success, failure, unknown, empty where no span is stored
-- column: open # 1 while nobody closed the finding about it, as far as this period tells
-- watched: SELECT count() FROM {db}.config_versions{all} WHERE kind = 'registry' AND NOT refused AND ts < {period_end:DateTime64(3,'UTC')}
-- population: SELECT count() FROM {db}.ev_actions(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')}) WHERE boundary_verdict IN ('respected', 'violation') OR delegation_authority IN ('respected', 'refused')
-- not_observed: No collector was there in the period, or no registry was loaded by its end: what agents may do is not known.
-- zero: A registry was loaded, and no action of the period could be held against it.
-- fine: Every action that was held against entries and grants stayed within them.
WITH
accused AS
(
    SELECT
        tenant_id, trace_id, span_id,
        multiIf(
            kind IN ('delegation.expired_authority', 'delegation.revoked_authority', 'delegation.not_yet_valid', 'boundary.expired'), 'expired',
            kind IN ('delegation.orphan_run', 'delegation.invisible_delegation', 'delegation.broken_link', 'delegation.missing_principal'), 'no_record',
            'out_of_scope') AS reason,
        arraySort(groupUniqArray(kind)) AS types, any(agent) AS accused_agent, any(principal) AS accused_principal, min(fired_at) AS found_at,
        max(last_state != 'closed') AS is_open
    FROM
    (
        SELECT
            tenant_id, finding_id, argMaxIf(state, ts, state IN ('firing', 'resolved')) AS cause, argMax(state, ts) AS last_state,
            argMaxIf(toString(type), ts, state IN ('firing', 'resolved')) AS kind, minIf(ts, state = 'firing') AS fired_at,
            argMaxIf(e.trace_id, ts, state IN ('firing', 'resolved')) AS trace_id, argMaxIf(e.span_id, ts, state IN ('firing', 'resolved')) AS span_id,
            argMaxIf(toString(agent_id), ts, state = 'firing') AS agent, argMaxIf(principal_id, ts, state = 'firing') AS principal
        FROM {db}.ev_finding_events(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')}) AS e
        GROUP BY tenant_id, finding_id
        HAVING countIf(state = 'firing') > 0
    )
    -- what a later span refuted or made good is none
    WHERE kind IN ('delegation.expired_authority', 'delegation.revoked_authority', 'delegation.not_yet_valid', 'boundary.expired',
        'delegation.orphan_run', 'delegation.invisible_delegation', 'delegation.broken_link', 'delegation.missing_principal',
        'delegation.scope_escalation', 'delegation.constraint_violated', 'delegation.depth_exceeded', 'delegation.delegation_not_allowed',
        'boundary.tool', 'boundary.operation', 'boundary.resource', 'boundary.argument', 'boundary.model', 'boundary.data', 'boundary.principal')
        AND cause = 'firing'
    GROUP BY tenant_id, trace_id, span_id, reason
),
deeds AS
(
    SELECT tenant_id, trace_id, span_id, ts, toString(agent_id) AS agent_id, toString(tool_name) AS tool_name, toString(tool_operation) AS tool_operation, principal_id,
        delegation_id, toString(outcome) AS outcome
    FROM {db}.actions{all}
    WHERE trace_id IN (SELECT trace_id FROM accused) AND kind != 'decision'
    LIMIT 1 BY tenant_id, trace_id, span_id
),
grants AS
(
    SELECT tenant_id, delegation_id, any(scope) AS scope
    FROM {db}.delegations{all}
    WHERE delegation_id IN (SELECT delegation_id FROM deeds WHERE delegation_id != '')
    GROUP BY tenant_id, delegation_id
)
SELECT
    f.tenant_id AS tenant_id, if(d.span_id != '', d.ts, f.found_at) AS ts, f.trace_id AS trace, f.span_id AS span_id,
    if(d.agent_id != '', d.agent_id, f.accused_agent) AS agent, d.tool_name AS tool, d.tool_operation AS class,
    if(d.principal_id != '', d.principal_id, f.accused_principal) AS root_principal, g.scope AS scopes, f.reason AS reason, f.types AS findings, d.outcome AS outcome,
    f.is_open AS open
FROM accused AS f
LEFT JOIN deeds AS d ON d.tenant_id = f.tenant_id AND d.trace_id = f.trace_id AND d.span_id = f.span_id
LEFT JOIN grants AS g ON g.tenant_id = d.tenant_id AND g.delegation_id = d.delegation_id
ORDER BY ts, tenant_id, trace, span_id, reason
