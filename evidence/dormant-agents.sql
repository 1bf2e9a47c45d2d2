-- id: dormant-agents
-- question: Which agents that acted in the period, or that the registry names, have been idle, so that their access should be reviewed?
-- controls: CC6.2 CC6.3 A.5.18
-- param: idle_days UInt32 = 30 # days without an action before the end of the period
-- param: period_start DateTime64(3,'UTC') = now-400d # beginning of the period
-- empty: Every agent that acted in the period or that the registry in force names has acted within idle_days. Without a registry version in the store, agents that never acted cannot be known.
WITH
registry AS
(
    SELECT tenant_id, arrayJoin(arrayDistinct(arrayMap(d -> splitByChar('\t', d)[1], argMax(declared, ts)))) AS agent_id
    FROM ev_config_versions(period_start = '1970-01-01 00:00:00', period_end = {period_end:DateTime64(3,'UTC')})
    WHERE kind = 'registry' AND NOT refused
    GROUP BY tenant_id
),
acted AS
(
    SELECT tenant_id, toString(agent_id) AS agent_id, toNullable(max(ts)) AS acted_at, count() AS actions
    FROM ev_actions(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
    WHERE agent_id != ''
    GROUP BY tenant_id, agent_id
)
SELECT
    tenant_id, agent_id, acted_at AS last_seen,
    if(last_seen IS NULL, NULL, dateDiff('day', assumeNotNull(last_seen), {period_end:DateTime64(3,'UTC')})) AS days_idle,
    actions AS actions_in_period, registered AS in_registry
FROM
(
    -- a registry without a tenant is that of all
    SELECT tenant_id, agent_id, acted_at, actions,
        (tenant_id, agent_id) IN (SELECT tenant_id, agent_id FROM registry) OR agent_id IN (SELECT agent_id FROM registry WHERE tenant_id = '') AS registered
    FROM acted
    UNION ALL
    SELECT tenant_id, agent_id, NULL, 0, 1
    FROM registry
    WHERE NOT if(tenant_id = '', agent_id IN (SELECT agent_id FROM acted), (tenant_id, agent_id) IN (SELECT tenant_id, agent_id FROM acted))
)
WHERE last_seen IS NULL OR last_seen < {period_end:DateTime64(3,'UTC')} - toIntervalDay({idle_days:UInt32})
ORDER BY tenant_id, agent_id
