-- id: ev_agent_changes
-- number: 37
-- section: D
-- question: Which agents changed, in what, and when was it first used?
-- controls: CC8.1 A.8.32 A.8.9 42001-A.6.2.5
-- shows: records
-- column: tenant_id # tenant
-- column: agent # agent
-- column: from # what was used before, empty for what is new; of prompts and tools digests
-- column: to # what is used now; with more than 20 new values of a kind how many
-- column: what_changed # agent (it is new), version, prompt, tools (on offer), model, config (settings of model calls), tool (used, where nobody says what was on offer)
-- column: first_used # first action with it
-- column: ticket # of the change's approval, empty where none is on record
-- column: approver # who approved, empty where nobody is on record
-- column: approved_at # NULL where nobody is on record
-- watched: SELECT count() FROM {db}.agents{all} WHERE first_seen < {period_end:DateTime64(3,'UTC')}
-- not_observed: No collector was there in the period, or no action ever named an agent.
-- zero: Agents were seen before, and none was new or changed in the period. Prompts and tools are compared only where spans state them.
WITH listed AS
(
    SELECT *, count() OVER (PARTITION BY tenant_id, agent_id, what) AS of_kind, row_number() OVER (PARTITION BY tenant_id, agent_id, what ORDER BY first_used, value) AS nth
    FROM {db}.agent_changes
    WHERE first_used >= {period_start:DateTime64(3,'UTC')} AND first_used < {period_end:DateTime64(3,'UTC')}
)
SELECT
    tenant_id, agent_id AS agent, before AS `from`, if(of_kind > 20, toString(of_kind) || ' values', value) AS `to`, what AS what_changed, first_used,
    ticket, approved_by AS approver, approved_at
FROM listed
WHERE of_kind <= 20 OR nth = 1
ORDER BY first_used, tenant_id, agent, what_changed, `to`
