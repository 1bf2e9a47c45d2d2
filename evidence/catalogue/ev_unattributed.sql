-- id: ev_unattributed
-- number: 19
-- section: B
-- question: Which actions have no accountable person behind them?
-- controls: CC6.1 CC1.5 A.5.16 A.8.15
-- shows: exceptions
-- column: tenant_id # tenant
-- column: agent # agent that acted, empty where not even that is known
-- column: day # UTC
-- column: actions # distinct actions of the agent on the day: work of agents, without decisions about it and spans of other software
-- column: no_principal # of these, those on nobody's behalf as far as anybody said
-- column: no_actor # of these, those whose agent is not known
-- column: ratio # no_principal or no_actor, of all, 0 to 1
-- population: SELECT count() FROM {db}.ev_actions(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')}) WHERE kind NOT IN ('decision', 'other')
-- not_observed: No collector was there in the period: who acted for whom is not known.
-- zero: Collectors were there, and no action was recorded.
-- fine: Every recorded action names an agent and a principal.
SELECT
    tenant_id, agent_id AS agent, toDate(ts) AS day, count() AS actions,
    countIf(principal_id = '') AS no_principal, countIf(agent_id = '') AS no_actor,
    countIf(principal_id = '' OR agent_id = '') / count() AS ratio
FROM {db}.ev_actions(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
WHERE kind NOT IN ('decision', 'other')
GROUP BY tenant_id, agent, day
HAVING no_principal > 0 OR no_actor > 0
ORDER BY day, tenant_id, agent
