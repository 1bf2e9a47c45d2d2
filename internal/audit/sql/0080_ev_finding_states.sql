-- creating view ev_finding_states
CREATE OR REPLACE VIEW {db}.ev_finding_states{on_cluster} AS
SELECT
    tenant_id,
    finding_id,
    argMax(e.state, e.place) AS state,
    argMaxIf(e.state, e.place, e.is_cause) AS cause,
    cause = 'firing' AND state != 'closed' AS open,
    argMaxIf(e.type, e.place, e.is_cause) AS type,
    argMaxIf(e.severity, e.place, e.is_cause) AS severity,
    argMaxIf(e.message, e.place, e.is_cause) AS message,
    argMaxIf(e.key, e.place, e.is_cause) AS key,
    argMaxIf(e.controls, e.place, e.is_cause) AS controls,
    argMaxIf(e.agent_id, e.place, e.is_cause) AS agent_id,
    argMaxIf(e.session_id, e.place, e.is_cause) AS session_id,
    argMaxIf(e.project_id, e.place, e.is_cause) AS project_id,
    argMaxIf(e.principal_id, e.place, e.is_cause) AS principal_id,
    argMaxIf(e.service_name, e.place, e.is_cause) AS service_name,
    argMaxIf(e.rule, e.place, e.is_cause) AS rule,
    argMaxIf(e.policy_version, e.place, e.is_cause) AS policy_version,
    argMaxIf(e.trace_id, e.place, e.is_cause) AS trace_id,
    argMaxIf(e.span_id, e.place, e.is_cause) AS span_id,
    tupleElement(argMaxIf(tuple(e.observed_value), e.place, e.is_cause), 1) AS observed_value,
    tupleElement(argMaxIf(tuple(e.expected_value), e.place, e.is_cause), 1) AS expected_value,
    tupleElement(argMaxIf(tuple(e.limit_value), e.place, e.is_cause), 1) AS limit_value,
    tupleElement(argMaxIf(tuple(e.projected_at), e.place, e.is_cause), 1) AS projected_at,
    argMaxIf(e.extra, e.place, e.is_cause) AS extra,
    minIf(e.ts, e.is_cause) AS first_seen,
    maxIf(e.ts, e.is_cause) AS last_seen,
    countIf(e.state = 'firing') AS fired,
    if(countIf(e.state = 'resolved') > 0, maxIf(e.ts, e.state = 'resolved'), NULL) AS resolved_at,
    if(countIf(e.state = 'acknowledged') > 0, maxIf(e.ts, e.state = 'acknowledged'), NULL) AS acknowledged_at,
    argMaxIf(e.by_principal, e.place, e.state = 'acknowledged') AS acknowledged_by,
    argMaxIf(e.note, e.place, e.state = 'acknowledged') AS acknowledged_reason,
    if(countIf(e.state = 'closed') > 0, maxIf(e.ts, e.state = 'closed'), NULL) AS closed_at,
    argMaxIf(e.by_principal, e.place, e.state = 'closed') AS closed_by,
    argMaxIf(e.note, e.place, e.state = 'closed') AS closed_reason,
    argMaxIf(e.ticket, e.place, e.ticket != '') AS ticket,
    max(e.ts) AS last_event
FROM
(
    SELECT
        *,
        state IN ('firing', 'resolved') AS is_cause,
        (ts, indexOf(['firing', 'resolved', 'acknowledged', 'closed'], state)) AS place
    FROM {db}.finding_events{all}
    WHERE ts < {period_end:DateTime64(3,'UTC')}
        AND (tenant_id, finding_id) IN
        (
            SELECT tenant_id, finding_id
            FROM {db}.finding_events{all}
            WHERE ts >= {period_start:DateTime64(3,'UTC')} AND ts < {period_end:DateTime64(3,'UTC')}
        )
    LIMIT 1 BY tenant_id, finding_id, state, ts
) AS e
GROUP BY tenant_id, finding_id
