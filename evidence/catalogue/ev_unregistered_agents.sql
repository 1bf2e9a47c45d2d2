-- id: ev_unregistered_agents
-- number: 17
-- section: B
-- question: Which agents act without being registered?
-- controls: CC6.2 CC6.1 A.5.16
-- shows: exceptions
-- column: tenant_id # tenant
-- column: agent # agent
-- column: version_hash # digest of its newest setup
-- column: first_seen # first action that names it
-- column: last_seen # last action
-- column: last_unregistered # last action that was found to have no entry, NULL for none
-- column: services # services that sent its spans
-- column: status # unregistered: actions were found to have no entry. not_evaluated: nobody held an action of it against the registry, so that this is not known
-- column: registered_now # 1 if the registry in force has an entry of it
-- watched: SELECT count() FROM {db}.config_versions{all} WHERE kind = 'registry' AND NOT refused
-- population: SELECT uniqExact(tenant_id, agent_id) FROM {db}.ev_agents
-- not_observed: No collector was ever there, or no registry was ever loaded: who is registered is not known.
-- zero: A registry was loaded, and no action named an agent.
-- fine: Every agent that was seen acted under an entry of the registry.
WITH
known AS
(
    SELECT
        tenant_id, agent_id, argMax(agent_name, last_seen) AS name, min(first_seen) AS first_at, max(last_seen) AS last_at,
        argMax(version_hash, tuple(version_hash != '', last_seen)) AS newest_hash, argMax(agent_version, tuple(agent_version != '', last_seen)) AS newest_version,
        countIf(version_hash != '') AS setups,
        arraySort(groupUniqArrayArray(tools)) AS tools_used, arraySort(groupUniqArrayArray(models)) AS models_used,
        arraySort(groupUniqArrayArray(services)) AS services_of, arrayDistinct(arrayPushBack(groupUniqArrayArray(entries), any(agent_id))) AS entry_ids,
        max(last_judged) AS judged_at, max(last_unregistered) AS unregistered_at
    FROM {db}.ev_agents
    GROUP BY tenant_id, agent_id
),
in_force AS
(
    SELECT tenant_id, argMax(version, ts) AS version
    FROM {db}.config_versions{all}
    WHERE kind = 'registry' AND NOT refused
    GROUP BY tenant_id
),
register AS
(
    SELECT tenant_id, agent_id, owner, purpose, risk_tier, valid_to, registry_version
    FROM {db}.agent_registry
    WHERE (tenant_id, registry_version) IN (SELECT tenant_id, version FROM in_force)
    ORDER BY recorded_at DESC
    LIMIT 1 BY tenant_id, agent_id
),
loaded AS (SELECT count() FROM {db}.config_versions{all} WHERE kind = 'registry' AND NOT refused)
SELECT
    tenant_id, agent_id AS agent, newest_hash AS version_hash, first_at AS first_seen, last_at AS last_seen, unregistered_at AS last_unregistered, services_of AS services,
    if(unregistered_at IS NOT NULL, 'unregistered', 'not_evaluated') AS status,
    arrayExists(e -> (tenant_id, e) IN (SELECT tenant_id, agent_id FROM register) OR e IN (SELECT agent_id FROM register WHERE tenant_id = ''), entry_ids) AS registered_now
FROM known
WHERE unregistered_at IS NOT NULL OR (judged_at IS NULL AND NOT registered_now AND (SELECT * FROM loaded) > 0)
ORDER BY tenant_id, agent
