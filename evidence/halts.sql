-- id: halts
-- question: Which halts were in force in the period, why, since when, and who released which of them?
-- controls: A1.1 CC7.4 A.8.6 A.5.26
-- empty: No halt was in force in the period. Whether a budget could have halted anything says config-versions.
SELECT
    tenant_id, finding_id, any(extra['spanwarden.halt.id']) AS halt_id,
    argMaxIf(extra['spanwarden.budget.scope'], ts, state = 'firing') AS scope,
    argMaxIf(extra['spanwarden.budget.key'], ts, state = 'firing') AS halted,
    minIf(ts, state = 'firing') AS since,
    argMaxIf(if(extra['spanwarden.halt.reason'] != '', extra['spanwarden.halt.reason'], message), ts, state = 'firing') AS why,
    argMaxIf(extra['spanwarden.budget.id'], ts, state = 'firing') AS budget,
    argMaxIf(rule, ts, state = 'firing') AS rule,
    argMaxIf(policy_version, ts, state = 'firing') AS policy_version,
    tupleElement(argMaxIf(tuple(observed_value), ts, state = 'firing'), 1) AS observed,
    tupleElement(argMaxIf(tuple(limit_value), ts, state = 'firing'), 1) AS budget_limit,
    parseDateTime64BestEffortOrNull(argMaxIf(extra['spanwarden.halt.until'], ts, state = 'firing'), 9, 'UTC') AS until,
    if(countIf(state = 'resolved') > 0, maxIf(ts, state = 'resolved'), NULL) AS released_at,
    argMaxIf(extra['spanwarden.halt.released_by'], ts, state = 'resolved') AS released_by,
    argMaxIf(extra['spanwarden.halt.release_reason'], ts, state = 'resolved') AS release_reason,
    maxIf(ts, state = 'firing') > ifNull(released_at, toDateTime64(0, 9, 'UTC')) AS unreleased,
    unreleased AND ifNull(until, toDateTime64('2261-01-01 00:00:00', 9, 'UTC')) > {period_end:DateTime64(3,'UTC')} AS in_force_at_end
FROM ev_finding_events(period_start = '1970-01-01 00:00:00', period_end = {period_end:DateTime64(3,'UTC')})
WHERE type = 'budget.halt' AND state IN ('firing', 'resolved')
GROUP BY tenant_id, finding_id
HAVING countIf(state = 'firing') > 0
    AND (unreleased OR released_at >= {period_start:DateTime64(3,'UTC')})
    AND ifNull(until, toDateTime64('2261-01-01 00:00:00', 9, 'UTC')) >= {period_start:DateTime64(3,'UTC')}
ORDER BY tenant_id, since, finding_id
