-- id: ev_overrides_and_stops
-- number: 28
-- section: B
-- question: Could people stop agents, and did they?
-- controls: NIST-Mg2.4 AIA-14(4)(e) CC7.4
-- shows: records
-- column: tenant_id # tenant
-- column: ts # when it took effect
-- column: agent # agent, or what else was stopped: scope:key
-- column: by # person; of a stop that a rule made the budget or rule
-- column: mechanism # halt_by_person, halt_by_rule, deny_by_person, deny_by_rule (effect deny: single actions are refused), release (a person let it go on), grant_revoked
-- column: reason # as it was given
-- column: stop # id of the halt or grant
-- column: until # end of the stop: released, or over by itself; NULL while it is in force
-- column: actions_after_stop # actions that began within it while the stop was in force and this period ran; NULL of a release or revocation
-- watched: SELECT (SELECT count() FROM {db}.config_versions{all} WHERE ts < {period_end:DateTime64(3,'UTC')}) + (SELECT count() FROM {db}.decisions WHERE ts < {period_end:DateTime64(3,'UTC')})
-- not_observed: No collector was there in the period, or none had the governance extension: nothing could be stopped.
-- zero: Stopping was possible (policy was in force, or decisions were being asked for), and nobody and nothing had to.
WITH
halts AS
(
    SELECT
        tenant_id, extra['spanwarden.halt.id'] AS id, minIf(ts, state = 'firing') AS since,
        argMaxIf(extra['spanwarden.budget.scope'], ts, state = 'firing') AS scope, argMaxIf(extra['spanwarden.budget.key'], ts, state = 'firing') AS key,
        argMaxIf(extra['spanwarden.budget.run'], ts, state = 'firing') AS only_run,
        argMaxIf(extra['spanwarden.budget.effect'], ts, state = 'firing') AS effect,
        argMaxIf(extra['spanwarden.halt.by'], ts, state = 'firing') AS person, argMaxIf(toString(rule), ts, state = 'firing') AS by_rule,
        argMaxIf(extra['spanwarden.halt.reason'], ts, state = 'firing') AS why,
        if(countIf(state = 'resolved') > 0, toNullable(maxIf(ts, state = 'resolved')), NULL) AS released,
        argMaxIf(extra['spanwarden.halt.released_by'], ts, state = 'resolved') AS released_by, argMaxIf(extra['spanwarden.halt.release_reason'], ts, state = 'resolved') AS release_reason,
        coalesce(released, parseDateTime64BestEffortOrNull(argMaxIf(extra['spanwarden.halt.until'], ts, state = 'firing'), 9, 'UTC')) AS ended
    FROM {db}.ev_finding_events(period_start = toDateTime64('2000-01-01 00:00:00', 3, 'UTC'), period_end = {period_end:DateTime64(3,'UTC')})
    WHERE type = 'budget.halt' AND state IN ('firing', 'resolved')
    GROUP BY tenant_id, id
    HAVING countIf(state = 'firing') > 0
),
running AS
(
    SELECT *, ifNull(ended, toDateTime64('2260-01-01', 9, 'UTC')) AS last_at FROM halts WHERE since < {period_end:DateTime64(3,'UTC')} AND last_at >= {period_start:DateTime64(3,'UTC')}
),
after AS
(
    SELECT h.tenant_id AS tenant_id, h.id AS id, count() AS n
    FROM running AS h
    INNER JOIN
    (
        SELECT tenant_id, ts, run_id, arrayJoin(arrayFilter(s -> s.2 != '' OR s.1 = 'tenant', [('agent', toString(agent_id)), ('session', session_id), ('project', toString(project_id)),
            ('principal', principal_id), ('delegation_root', chain_id), ('tenant', '')])) AS in_scope
        FROM {db}.ev_actions(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
        WHERE (SELECT count() FROM running) > 0 AND kind NOT IN ('decision', 'other') AND ts > (SELECT min(since) FROM running)
            AND (agent_id IN (SELECT key FROM running) OR session_id IN (SELECT key FROM running) OR project_id IN (SELECT key FROM running) OR principal_id IN (SELECT key FROM running)
                OR chain_id IN (SELECT key FROM running) OR (SELECT countIf(scope = 'tenant') FROM running) > 0)
    ) AS a ON a.tenant_id = h.tenant_id AND a.in_scope.1 = h.scope AND a.in_scope.2 = if(h.scope = 'tenant', '', h.key)
    WHERE a.ts > h.since AND a.ts < h.last_at AND (h.only_run = '' OR a.run_id = h.only_run)
    GROUP BY tenant_id, id
)
SELECT *
FROM
(
SELECT
    h.tenant_id AS tenant_id, h.since AS ts, if(h.scope = 'agent', h.key, h.scope || ':' || h.key) AS agent, if(h.person != '', h.person, h.by_rule) AS by,
    if(h.effect = 'deny', 'deny_by_', 'halt_by_') || if(h.person != '' OR h.by_rule = 'person', 'person', 'rule') AS mechanism, h.why AS reason, h.id AS stop, h.ended AS until,
    toNullable(a.n) AS actions_after_stop
FROM running AS h
LEFT JOIN after AS a ON a.tenant_id = h.tenant_id AND a.id = h.id
UNION ALL
SELECT tenant_id, assumeNotNull(released), if(scope = 'agent', key, scope || ':' || key), released_by, 'release', release_reason, id, NULL, NULL
FROM halts
WHERE released >= {period_start:DateTime64(3,'UTC')} AND released < {period_end:DateTime64(3,'UTC')}
UNION ALL
SELECT tenant_id, assumeNotNull(revoked_at), toString(delegatee_id), granted_by, 'grant_revoked', purpose, if(delegation_id != '', delegation_id, edge_id), NULL, NULL
FROM {db}.ev_delegations(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
WHERE revoked_at >= {period_start:DateTime64(3,'UTC')} AND revoked_at < {period_end:DateTime64(3,'UTC')}
)
ORDER BY ts, tenant_id, stop, mechanism
