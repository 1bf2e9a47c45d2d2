-- id: declared-observed
-- question: Which tools and models does the registry give to agents that never used them, and which do agents use that it does not give?
-- controls: CC6.3 A.5.18 A.8.2 A.8.3
-- param: agent String = # only this agent
-- empty: No registry version was in force in the period and no agent used a tool or model, as far as the store knows.
WITH
registry AS
(
    SELECT tenant_id, version, splitByChar('\t', arrayJoin(declared)) AS d
    FROM
    (
        SELECT tenant_id, argMax(version, ts) AS version, argMax(declared, ts) AS declared
        FROM ev_config_versions(period_start = '1970-01-01 00:00:00', period_end = {period_end:DateTime64(3,'UTC')})
        WHERE kind = 'registry' AND NOT refused
        GROUP BY tenant_id
    )
),
declared AS
(
    -- the registry's patterns as regular expressions: * and ? stay inside a segment
    SELECT tenant_id, version, d[1] AS agent_id, d[2] AS what, d[3] AS pattern,
        '^' || replaceAll(replaceAll(replaceAll(replaceAll(replaceAll(replaceAll(replaceAll(
            replaceRegexpAll(pattern, '([.+^$()|\\[\\]\\\\])', '\\\\\\1'),
            '**', '\0'), '*', '[^/]*'), '\0', '.*'), '?', '[^/]'), '{', '(?:'), '}', ')'), ',', '|') || '$' AS re
    FROM registry
    WHERE d[2] IN ('tool', 'model') AND ({agent:String} = '' OR d[1] = {agent:String})
),
observed AS
(
    SELECT
        tenant_id, toString(agent_id) AS agent_id, 'tool' AS what, toString(tool_name) AS item, count() AS uses,
        countIf(boundary_verdict = 'violation') AS violations, max(ts) AS last_used
    FROM ev_actions(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
    WHERE tool_name != '' AND agent_id != '' AND ({agent:String} = '' OR agent_id = {agent:String})
    GROUP BY tenant_id, agent_id, item
    UNION ALL
    SELECT
        tenant_id, toString(agent_id), 'model', toString(if(request_model != '', request_model, response_model)) AS item, count(),
        countIf(boundary_verdict = 'violation'), max(ts)
    FROM ev_actions(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
    WHERE item != '' AND agent_id != '' AND ({agent:String} = '' OR agent_id = {agent:String})
    GROUP BY tenant_id, agent_id, item
),
pairs AS
(
    -- a registry without a tenant is that of all
    SELECT d.tenant_id AS registry_tenant, o.tenant_id AS tenant_id, d.agent_id AS agent_id, d.what AS what, d.pattern AS pattern, o.item AS item
    FROM declared AS d
    INNER JOIN observed AS o ON d.agent_id = o.agent_id AND d.what = o.what
    WHERE d.tenant_id IN ('', o.tenant_id) AND match(o.item, d.re)
)
SELECT
    tenant_id, agent_id, what, status, item, uses, violations, last_used, registry_version
FROM
(
    SELECT tenant_id, agent_id, what, 'never_used' AS status, pattern AS item, toUInt64(0) AS uses, toUInt64(0) AS violations,
        CAST(NULL, 'Nullable(DateTime64(9, \'UTC\'))') AS last_used, version AS registry_version
    FROM declared
    WHERE (tenant_id, agent_id, what, pattern) NOT IN (SELECT registry_tenant, agent_id, what, pattern FROM pairs)
    UNION ALL
    SELECT tenant_id, agent_id, what,
        multiIf((tenant_id, agent_id, what, item) IN (SELECT tenant_id, agent_id, what, item FROM pairs), 'used',
            (tenant_id, agent_id) IN (SELECT tenant_id, agent_id FROM declared) OR agent_id IN (SELECT agent_id FROM declared WHERE tenant_id = ''), 'not_declared', 'agent_not_in_registry'),
        item, uses, violations, last_used, ''
    FROM observed
)
ORDER BY agent_id, what, status, item, tenant_id
