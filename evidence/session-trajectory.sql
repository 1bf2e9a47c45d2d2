-- id: session-trajectory
-- question: What did session S spend over time, against which budget, what was projected when, and what was decided?
-- controls: A1.1 PI1.3 A.8.6
-- param: session String # the session's id
-- empty: Nothing of this session was stored in the period: no model call with a price or without one, and no finding about a budget.
WITH
budget_events AS
(
    SELECT *, extra AS x
    FROM ev_finding_events(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
    WHERE startsWith(type, 'budget.') AND state IN ('firing', 'resolved')
        AND (session_id = {session:String} OR (extra['spanwarden.budget.scope'] = 'session' AND extra['spanwarden.budget.key'] = {session:String}))
),
charges AS
(
    SELECT
        ts + toIntervalNanosecond(duration_ns) AS at, 'spend' AS event, tenant_id, agent_id,
        if(response_model != '', response_model, request_model) AS item,
        cost_usd, sum(cost_usd) OVER charged AS spent_usd,
        countIf(cost_usd IS NULL) OVER charged AS unpriced_calls,
        '' AS budget, '' AS scope, '' AS mode, '' AS effect, '' AS unit,
        CAST(NULL, 'Nullable(Decimal(38, 12))') AS budget_limit, CAST(NULL, 'Nullable(Decimal(38, 12))') AS observed,
        CAST(NULL, 'Nullable(Float64)') AS projected_low, CAST(NULL, 'Nullable(Float64)') AS projected_high,
        CAST(NULL, 'Nullable(Float64)') AS horizon_s,
        CAST(NULL, 'Nullable(Float64)') AS rate_short, CAST(NULL, 'Nullable(Float64)') AS rate_long,
        CAST(NULL, 'Nullable(DateTime64(9, \'UTC\'))') AS exhausted_from, CAST(NULL, 'Nullable(DateTime64(9, \'UTC\'))') AS exhausted_to,
        '' AS decision_id, '' AS rule, policy_version, '' AS by_whom, '' AS why, '' AS finding_id, trace_id, span_id, 0 AS place
    FROM ev_session_actions(session = {session:String}, period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
    WHERE usage_accounting != 'rollup' AND (cost_usd IS NOT NULL OR cost_status IN ('unpriced', 'partial'))
    WINDOW charged AS (PARTITION BY tenant_id ORDER BY ts + toIntervalNanosecond(duration_ns), action_id ROWS UNBOUNDED PRECEDING)
),
decisions AS
(
    SELECT
        ts AS at, if(state = 'resolved', type || ' resolved', type) AS event, tenant_id, agent_id, '' AS item,
        CAST(NULL, 'Nullable(Decimal(38, 12))') AS cost_usd,
        if(x['spanwarden.budget.unit'] = 'usd', observed_value, NULL) AS spent_usd,
        toUInt64OrNull(x['spanwarden.budget.unpriced_calls']) AS unpriced_calls,
        x['spanwarden.budget.id'] AS budget, x['spanwarden.budget.scope'] AS scope, x['spanwarden.budget.mode'] AS mode,
        x['spanwarden.budget.effect'] AS effect, x['spanwarden.budget.unit'] AS unit,
        limit_value AS budget_limit, observed_value AS observed,
        toFloat64OrNull(x['spanwarden.budget.projected_low']) AS projected_low, toFloat64OrNull(x['spanwarden.budget.projected_high']) AS projected_high,
        toFloat64OrNull(x['spanwarden.budget.horizon_s']) AS horizon_s,
        toFloat64OrNull(x['spanwarden.budget.rate_short']) AS rate_short, toFloat64OrNull(x['spanwarden.budget.rate_long']) AS rate_long,
        ifNull(parseDateTime64BestEffortOrNull(x['spanwarden.budget.exhaust_earliest'], 9, 'UTC'), projected_at) AS exhausted_from,
        parseDateTime64BestEffortOrNull(x['spanwarden.budget.exhaust_latest'], 9, 'UTC') AS exhausted_to,
        if(x['spanwarden.halt.id'] != '', x['spanwarden.halt.id'], x['spanwarden.decision.id']) AS decision_id,
        rule, policy_version, x['spanwarden.halt.released_by'] AS by_whom,
        multiIf(x['spanwarden.halt.release_reason'] != '', x['spanwarden.halt.release_reason'], x['spanwarden.halt.reason'] != '', x['spanwarden.halt.reason'], message) AS why,
        finding_id, trace_id, span_id,
        indexOf(['budget.warning', 'budget.projected', 'budget.exceeded', 'budget.halt'], type) AS place
    FROM budget_events
)
SELECT * EXCEPT (place)
FROM (SELECT * FROM charges UNION ALL SELECT * FROM decisions)
ORDER BY tenant_id, at, place, trace_id, span_id, finding_id
