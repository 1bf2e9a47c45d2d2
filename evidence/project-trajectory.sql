-- id: project-trajectory
-- question: What did project P spend over time, against which budgets, and what was projected and decided?
-- controls: A1.1 PI1.3 A.8.6
-- param: project String # the project's id
-- param: step UInt32 = 3600 # seconds that one row of spend covers
-- empty: Nothing of this project was stored in the period: no model call with a price or without one, and no finding about a budget.
WITH
spend AS
(
    SELECT
        tenant_id,
        toDateTime64(toUnixTimestamp(ts) - toUnixTimestamp(ts) % greatest({step:UInt32}, 1), 9, 'UTC') AS at,
        sum(a.cost_usd) AS cost_usd, count() AS calls, countIf(a.cost_usd IS NULL) AS unpriced_calls,
        uniqExactIf(a.session_id, a.session_id != '') AS sessions
    FROM ev_actions(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')}) AS a
    WHERE project_id = {project:String} AND usage_accounting != 'rollup' AND (a.cost_usd IS NOT NULL OR cost_status IN ('unpriced', 'partial'))
    GROUP BY tenant_id, at
)
SELECT * EXCEPT (place)
FROM
(
    SELECT
        at, 'spend' AS event, tenant_id, cost_usd, sum(cost_usd) OVER (PARTITION BY tenant_id ORDER BY at) AS spent_usd,
        calls, unpriced_calls, sessions, '' AS budget, '' AS scope, '' AS budget_key, '' AS mode, '' AS effect, '' AS unit,
        CAST(NULL, 'Nullable(Decimal(38, 12))') AS budget_limit, CAST(NULL, 'Nullable(Decimal(38, 12))') AS observed,
        CAST(NULL, 'Nullable(Float64)') AS projected_low, CAST(NULL, 'Nullable(Float64)') AS projected_high,
        CAST(NULL, 'Nullable(DateTime64(9, \'UTC\'))') AS exhausted_from,
        '' AS decision_id, '' AS rule, '' AS by_whom, '' AS why, '' AS finding_id, 0 AS place
    FROM spend
    UNION ALL
    SELECT
        ts AS at, if(state = 'resolved', type || ' resolved', type) AS event, tenant_id,
        CAST(NULL, 'Nullable(Decimal(38, 12))') AS cost_usd, CAST(NULL, 'Nullable(Decimal(38, 12))') AS spent_usd,
        NULL AS calls, NULL AS unpriced_calls, NULL AS sessions,
        extra['spanwarden.budget.id'] AS budget, extra['spanwarden.budget.scope'] AS scope, extra['spanwarden.budget.key'] AS budget_key,
        extra['spanwarden.budget.mode'] AS mode, extra['spanwarden.budget.effect'] AS effect, extra['spanwarden.budget.unit'] AS unit,
        limit_value AS budget_limit, observed_value AS observed,
        toFloat64OrNull(extra['spanwarden.budget.projected_low']) AS projected_low,
        toFloat64OrNull(extra['spanwarden.budget.projected_high']) AS projected_high,
        ifNull(parseDateTime64BestEffortOrNull(extra['spanwarden.budget.exhaust_earliest'], 9, 'UTC'), projected_at) AS exhausted_from,
        extra['spanwarden.halt.id'] AS decision_id, rule, extra['spanwarden.halt.released_by'] AS by_whom,
        multiIf(extra['spanwarden.halt.release_reason'] != '', extra['spanwarden.halt.release_reason'],
            extra['spanwarden.halt.reason'] != '', extra['spanwarden.halt.reason'], message) AS why,
        finding_id, indexOf(['budget.warning', 'budget.projected', 'budget.exceeded', 'budget.halt'], type) AS place
    FROM ev_finding_events(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
    WHERE startsWith(type, 'budget.') AND state IN ('firing', 'resolved')
        AND (project_id = {project:String} OR (extra['spanwarden.budget.scope'] = 'project' AND extra['spanwarden.budget.key'] = {project:String}))
)
ORDER BY tenant_id, at, place, finding_id
