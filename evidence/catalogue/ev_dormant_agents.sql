-- id: ev_dormant_agents
-- number: 18
-- section: B
-- question: Was access of agents that are idle reviewed and removed?
-- controls: CC6.2 CC6.3 A.5.18
-- param: at DateTime64(3,'UTC') = now # as of when
-- param: idle_days UInt32 = 30 # days without an action
-- shows: exceptions
-- column: tenant_id # tenant, empty for an entry of all tenants whose agent never acted
-- column: agent # agent that could act and did not for idle_days
-- column: owner # person who answers for it; empty where no registry says
-- column: last_seen # last action, NULL for one that never acted
-- column: days_idle # full days since then, NULL for one that never acted
-- column: access # in_force: the registry has an entry that holds. unknown: no registry ever had one
-- column: credential_state # unknown: no component records what becomes of credentials
-- watched: SELECT count() FROM {db}.config_versions{all} WHERE kind = 'registry' AND NOT refused
-- population: SELECT (SELECT uniqExact(tenant_id, agent_id) FROM {db}.ev_agents) + (SELECT uniqExact(tenant_id, agent_id) FROM {db}.agent_registry)
-- not_observed: No collector was ever there, or no registry was ever loaded: who has access is not known.
-- zero: A registry was loaded, and it named nobody; no agent was seen.
-- fine: Every agent that has access acted within idle_days; the others' entries were taken away or have expired.
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
    WHERE kind = 'registry' AND NOT refused AND ts < {at:DateTime64(3,'UTC')}
    GROUP BY tenant_id
),
register AS
(
    SELECT tenant_id, agent_id, owner, purpose, risk_tier, valid_to, registry_version
    FROM {db}.agent_registry
    WHERE (tenant_id, registry_version) IN (SELECT tenant_id, version FROM in_force) AND recorded_at < {at:DateTime64(3,'UTC')}
    ORDER BY recorded_at DESC
    LIMIT 1 BY tenant_id, agent_id
),
had AS (SELECT DISTINCT tenant_id, agent_id FROM {db}.agent_registry WHERE recorded_at < {at:DateTime64(3,'UTC')}),
held AS
(
    SELECT k.tenant_id AS tenant_id, k.agent_id AS agent_id, max(r.registry_version != '') AS now_held,
        anyIf(r.owner, r.registry_version != '') AS reg_owner, maxIf(r.valid_to IS NULL OR r.valid_to > {at:DateTime64(3,'UTC')}, r.registry_version != '') AS holds,
        max((k.tenant_id, k.entry) IN (SELECT tenant_id, agent_id FROM had) OR k.entry IN (SELECT agent_id FROM had WHERE tenant_id = '')) AS ever_held
    FROM (SELECT tenant_id, agent_id, arrayJoin(entry_ids) AS entry FROM known) AS k
    LEFT JOIN (SELECT DISTINCT k.tenant_id AS tenant_id, r.agent_id AS agent_id, r.owner AS owner, r.valid_to AS valid_to, r.registry_version AS registry_version
        FROM register AS r CROSS JOIN (SELECT DISTINCT tenant_id FROM known) AS k WHERE r.tenant_id IN ('', k.tenant_id)) AS r ON r.tenant_id = k.tenant_id AND r.agent_id = k.entry
    GROUP BY tenant_id, agent_id
)
SELECT tenant_id, agent, owner, last_seen, dateDiff('day', last_seen, {at:DateTime64(3,'UTC')}) AS days_idle, access, 'unknown' AS credential_state
FROM
(
    SELECT k.tenant_id AS tenant_id, toString(k.agent_id) AS agent, h.reg_owner AS owner, toNullable(k.last_at) AS last_seen, if(h.now_held, 'in_force', 'unknown') AS access
    FROM known AS k
    INNER JOIN held AS h ON h.tenant_id = k.tenant_id AND h.agent_id = k.agent_id
    WHERE k.first_at < {at:DateTime64(3,'UTC')} AND if(h.now_held, h.holds, NOT h.ever_held) AND k.last_at <= {at:DateTime64(3,'UTC')} - toIntervalDay({idle_days:UInt32})
    UNION ALL
    SELECT tenant_id, agent_id, owner, NULL, 'in_force'
    FROM register
    WHERE (valid_to IS NULL OR valid_to > {at:DateTime64(3,'UTC')})
        AND if(tenant_id = '', agent_id NOT IN (SELECT arrayJoin(entry_ids) FROM known WHERE first_at < {at:DateTime64(3,'UTC')}),
            (tenant_id, agent_id) NOT IN (SELECT tenant_id, arrayJoin(entry_ids) FROM known WHERE first_at < {at:DateTime64(3,'UTC')}))
)
ORDER BY tenant_id, agent
