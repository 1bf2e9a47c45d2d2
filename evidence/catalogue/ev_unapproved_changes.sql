-- id: ev_unapproved_changes
-- number: 38
-- section: D
-- question: Which changes of agents were used before they were approved?
-- controls: CC8.1 CC6.3 A.8.32
-- shows: exceptions
-- column: tenant_id # tenant
-- column: agent # agent
-- column: version # version that it stated after the change, else the digest of its setup; empty where it made no model call
-- column: what_changed # kinds of what was new: agent, version, prompt, tools, model, config, tool
-- column: first_used # first action with it
-- column: approved_at # NULL for never
-- column: by # who approved
-- column: ticket # of the change
-- column: status # never: the registry names no approval of it. after_use: it came later. self: who approved also asked for it, or is the agent
-- watched: SELECT count() FROM {db}.config_versions{all} WHERE kind = 'registry' AND NOT refused
-- population: SELECT uniqExact(tenant_id, agent_id, change_no) FROM {db}.agent_changes
-- not_observed: No collector was ever there, or no registry was ever loaded: what was approved is not known.
-- zero: A registry was loaded, and no agent was seen.
-- fine: Whatever changed of agents had been approved by somebody else before it was used.
SELECT
    tenant_id, agent_id AS agent, any(version) AS version, arraySort(groupUniqArray(toString(what))) AS what_changed, min(first_used) AS first_used,
    any(n.approved_at) AS approved_at, any(n.approved_by) AS by, any(n.ticket) AS ticket,
    multiIf(by = '', 'never', by IN (agent, 'agent:' || agent) OR by = any(n.requested_by), 'self', approved_at > first_used, 'after_use', '') AS status
FROM {db}.agent_changes AS n
GROUP BY tenant_id, agent_id, change_no
HAVING status != ''
ORDER BY first_used, tenant_id, agent
