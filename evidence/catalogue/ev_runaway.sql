-- id: ev_runaway
-- number: 44
-- section: E
-- question: Which sessions ran away (loops, rates, budgets passed), what did they cost, and what stopped them?
-- controls: A1.1 PI1.3 CC7.2 A.8.6
-- shows: records
-- column: tenant_id # tenant
-- column: session # session, empty where the finding is about an agent or a budget as a whole
-- column: agent # agent, empty where the finding names none
-- column: pattern # type of finding and its rule: baseline.loop/same_call_error
-- column: repeats # calls of a loop, NULL for other patterns
-- column: cost # USD of the session in the period as far as it is priced, NULL where there is no session or no price
-- column: unpriced # model calls of the session without a price
-- column: first_ts # first firing
-- column: last_ts # last firing
-- column: stopped_by # what halted the session or the agent, or had when it first fired: budget/<id>, a person, or the rule that ordered it; empty: nothing did
-- column: stopped_at # when, NULL: it was not halted
-- column: actions_after_stop # actions of the session that began later, until the end of the period; NULL without a stop or a session
-- column: open # 1: it still fires
-- column: finding # finding_id
-- watched: SELECT n FROM {db}.ev_detection(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
-- not_observed: No collector was there, or it had no rules and never told of a finding: that nothing ran away means nothing.
-- zero: Collectors with rules in force were there, and nothing ran away.
WITH
found AS
(
    SELECT
        tenant_id, finding_id, type, toString(rule) AS rule, session_id AS session, toString(agent_id) AS agent, extra, first_seen, last_seen, open, observed_value
    FROM {db}.ev_finding_states(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
    WHERE type IN ('baseline.loop', 'baseline.rate', 'baseline.cost', 'baseline.tokens', 'budget.exceeded', 'budget.halt', 'boundary.after_halt')
),
halts AS
(
    SELECT
        tenant_id, toString(extra['spanwarden.budget.scope']) AS scope, toString(extra['spanwarden.budget.key']) AS halted, minIf(ts, state = 'firing') AS at,
        argMinIf(multiIf(extra['spanwarden.budget.id'] != '', concat('budget/', extra['spanwarden.budget.id']), extra['spanwarden.halt.by'] != '', extra['spanwarden.halt.by'],
            rule != '', toString(rule), message), ts, state = 'firing') AS stopper,
        if(countIf(state = 'resolved') > 0, maxIf(ts, state = 'resolved'), NULL) AS released
    FROM {db}.finding_events{all}
    WHERE type = 'budget.halt' AND extra['spanwarden.budget.mode'] IN ('', 'enforce') AND ts < {period_end:DateTime64(3,'UTC')} AND ts >= {period_start:DateTime64(3,'UTC')} - toIntervalDay(31)
    GROUP BY tenant_id, finding_id, scope, halted
    HAVING countIf(state = 'firing') > 0
),
acts AS
(
    SELECT
        tenant_id, session_id AS session, sum(cost_usd) AS cost,
        countIf(kind IN ('inference', 'embedding') AND usage_accounting != 'rollup' AND cost_status IN ('', 'unpriced', 'partial')) AS unpriced, groupArray(ts) AS begun
    FROM {db}.ev_actions(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
    WHERE session_id IN (SELECT session FROM found WHERE session != '') AND kind != 'decision'
    GROUP BY tenant_id, session
),
stops AS
(
    SELECT f.tenant_id AS tenant_id, f.finding_id AS finding_id, min(h.at) AS at, argMin(h.stopper, h.at) AS stopper
    FROM found AS f
    INNER JOIN halts AS h ON h.tenant_id = f.tenant_id
    WHERE (h.scope = 'session' AND h.halted = f.session AND f.session != '' OR h.scope = 'agent' AND h.halted = f.agent AND f.agent != '') 
        AND (h.at >= f.first_seen OR ifNull(h.released > f.first_seen, 1))
    GROUP BY tenant_id, finding_id
)
SELECT
    f.tenant_id AS tenant_id, f.session AS session, f.agent AS agent, if(f.rule = '', toString(f.type), concat(f.type, '/', f.rule)) AS pattern,
    if(f.type = 'baseline.loop', toUInt64(f.observed_value), NULL) AS repeats,
    a.cost AS cost, if(f.session = '', NULL, toNullable(a.unpriced)) AS unpriced, f.first_seen AS first_ts, f.last_seen AS last_ts,
    s.stopper AS stopped_by, if(s.stopper = '', NULL, toNullable(s.at)) AS stopped_at,
    if(s.stopper = '' OR f.session = '', NULL, toNullable(arrayCount(t -> t > s.at, a.begun))) AS actions_after_stop,
    f.open AS open, f.finding_id AS finding
FROM found AS f
LEFT JOIN acts AS a ON a.tenant_id = f.tenant_id AND a.session = f.session
LEFT JOIN stops AS s ON s.tenant_id = f.tenant_id AND s.finding_id = f.finding_id
ORDER BY f.first_seen, f.tenant_id, f.finding_id
