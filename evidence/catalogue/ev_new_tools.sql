-- id: ev_new_tools
-- number: 33
-- section: C
-- question: Which tools, servers and definitions of tools appeared for the first time, and had somebody approved them?
-- controls: CC6.8 CC7.1 A.8.19 A.8.9
-- shows: records
-- column: tenant_id # tenant
-- column: tool # tool that was called, or offered to a model with a definition
-- column: server # MCP server, empty where it is none or nobody told
-- column: definition_digest # SHA-256 of the definition that a model was offered, hex; empty: no definition was seen
-- column: what # new_tool: neither called nor offered before; new_server: known from another server; new_definition: a known tool is defined otherwise than before
-- column: first_seen # in all that is stored
-- column: agents # that used it, or were offered it, in the period
-- column: calls # in the period; of a new_server through it
-- column: approved_by # who approved the registry's entry that allows it to one of these agents, else who put it in force, else its version; empty: none allows it
-- column: approved_at # when that was first, NULL: never before the end of the period
-- column: status # approved, approved_after_use, not_approved; no_registry: none is on record
-- not_observed: No collector was there in the period: what is new is not known.
-- zero: Collectors were there, and every tool, server and definition had been seen before.
WITH
offers AS
(
    SELECT
        tenant_id, JSONExtractString(definition, 'name') AS named, if(named != '', named, JSONExtractString(definition, 'function', 'name')) AS tool,
        ts, agent, lower(hex(SHA256(definition))) AS digest
    FROM
    (
        SELECT tenant_id, ts, toString(agent_id) AS agent, arrayJoin(mapValues(mapFilter((k, v) -> match(k, '^llm\\.tools\\.[0-9]+\\.tool\\.json_schema$'), attrs))) AS definition
        FROM {db}.actions{all}
        -- the names of the attributes are read before what they say, which most calls need not be
        WHERE ts < {period_end:DateTime64(3,'UTC')} AND kind = 'inference' AND arrayExists(k -> startsWith(k, 'llm.tools.'), mapKeys(attrs))
    )
),
history AS
(
    SELECT tenant_id, tool, server, '' AS digest, min(seen) AS first_seen, arraySort(groupUniqArrayArray(seen_by)) AS agents, sum(seen_calls) AS calls
    FROM
    (
        -- what came before the period needs few columns
        SELECT tenant_id, toString(tool_name) AS tool, toString(mcp_server) AS server, min(ts) AS seen, CAST([], 'Array(String)') AS seen_by, toUInt64(0) AS seen_calls
        FROM {db}.actions{all}
        WHERE ts < {period_start:DateTime64(3,'UTC')} AND kind IN ('tool', 'retrieval', 'memory') AND tool_name != ''
        GROUP BY tenant_id, tool_name, mcp_server
        UNION ALL
        SELECT tenant_id, toString(tool_name), toString(mcp_server), min(ts), groupUniqArrayIf(toString(agent_id), agent_id != ''), uniqExact(action_id)
        FROM {db}.actions{all}
        WHERE ts >= {period_start:DateTime64(3,'UTC')} AND ts < {period_end:DateTime64(3,'UTC')} AND kind IN ('tool', 'retrieval', 'memory') AND tool_name != ''
        GROUP BY tenant_id, tool_name, mcp_server
    )
    GROUP BY tenant_id, tool, server
    UNION ALL
    SELECT
        tenant_id, tool, '', digest, min(ts),
        arraySort(groupUniqArrayIf(agent, ts >= {period_start:DateTime64(3,'UTC')} AND agent != '')), toUInt64(0)
    FROM offers
    WHERE tool != ''
    GROUP BY tenant_id, tool, digest
),
known AS
(
    SELECT
        *,
        min(first_seen) OVER (PARTITION BY tenant_id, tool) AS tool_seen,
        minIf(first_seen, digest = '') OVER (PARTITION BY tenant_id, tool) AS called,
        minIf(first_seen, digest != '') OVER (PARTITION BY tenant_id, tool) AS defined,
        argMinIf(server, first_seen, digest = '') OVER (PARTITION BY tenant_id, tool) AS first_server,
        argMinIf(digest, first_seen, digest != '') OVER (PARTITION BY tenant_id, tool) AS first_digest,
        sum(calls) OVER (PARTITION BY tenant_id, tool) AS all_calls
    FROM history
),
fresh AS
(
    SELECT
        *,
        multiIf(
            first_seen = tool_seen, 'new_tool',
            digest = '' AND first_seen > called, 'new_server',
            digest != '' AND first_seen > defined, 'new_definition',
            '') AS what
    FROM known
    WHERE first_seen >= {period_start:DateTime64(3,'UTC')}
),
used AS
(
    -- who it was that called is often known later
    SELECT tenant_id, toString(tool_name) AS tool, arraySort(groupUniqArray(toString(agent_id))) AS agents
    FROM {db}.ev_actions(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
    WHERE kind IN ('tool', 'retrieval', 'memory') AND tool_name != '' AND agent_id != ''
    GROUP BY tenant_id, tool
),
appeared AS
(
    SELECT f.* REPLACE (arraySort(arrayDistinct(arrayConcat(f.agents, u.agents))) AS agents)
    FROM fresh AS f
    LEFT JOIN used AS u ON u.tenant_id = f.tenant_id AND u.tool = f.tool
    WHERE f.what != ''
),
registry AS
(
    SELECT
        ts, version, d[1] AS agent,
        arrayFirst(a -> a != '', [
            JSONExtractString(substring(arrayFirst(e -> startsWith(e, concat(d[1], '\tentry\t')), declared), length(d[1]) + 8), 'approved_by'),
            by_principal, concat('registry ', version)]) AS approved_by,
        '^' || replaceAll(replaceAll(replaceAll(replaceAll(replaceAll(replaceAll(replaceAll(
            replaceRegexpAll(d[3], '([.+^$()|\\[\\]\\\\])', '\\\\\\1'),
            '**', '\0'), '*', '[^/]*'), '\0', '.*'), '?', '[^/]'), '{', '(?:'), '}', ')'), ',', '|') || '$' AS pattern
    FROM
    (
        SELECT ts, version, by_principal, declared, splitByChar('\t', arrayJoin(declared)) AS d
        FROM {db}.ev_config_versions(period_start = '1970-01-01 00:00:00', period_end = {period_end:DateTime64(3,'UTC')})
        WHERE kind = 'registry' AND NOT refused
    )
    WHERE d[2] = 'tool'
)
SELECT
    f.tenant_id AS tenant_id, f.tool AS tool, if(f.what = 'new_tool', f.first_server, f.server) AS server,
    if(f.what = 'new_tool', f.first_digest, f.digest) AS definition_digest, f.what AS what, f.first_seen AS first_seen, f.agents AS agents,
    if(f.what = 'new_server', f.calls, f.all_calls) AS calls,
    f.approval.3 AS approved_by, if(f.approval.3 = '', NULL, toNullable(f.approval.1)) AS approved_at,
    multiIf(
        f.approval.3 != '' AND f.approval.1 <= f.first_seen, 'approved',
        f.approval.3 != '', 'approved_after_use',
        (SELECT count() FROM {db}.config_versions{all} WHERE kind = 'registry' AND refused = 0 AND ts < {period_end:DateTime64(3,'UTC')}) = 0, 'no_registry',
        'not_approved') AS status
FROM
(
    SELECT
        *,
        arraySort(r -> r.1, arrayFilter(
            r -> has(agents, r.2) AND (match(tool, r.4) OR server != '' AND match(concat('mcp/', server, '/', tool), r.4)),
            (SELECT groupArray(tuple(ts, agent, approved_by, pattern)) FROM registry)))[1] AS approval
    FROM appeared
) AS f
ORDER BY f.first_seen, f.tenant_id, f.tool, f.server, f.digest
