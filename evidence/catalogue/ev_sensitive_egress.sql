-- id: ev_sensitive_egress
-- number: 34
-- section: C
-- question: Which classes of data left, to where, by which tool or model, and what was blocked?
-- controls: CC6.7 C1.1 P6.2 A.5.14 A.8.12
-- shows: records
-- column: tenant_id # tenant
-- column: day # UTC
-- column: host # server that was called, else the host of the resource, empty where neither is known
-- column: provider # of a model call
-- column: tool # of a tool call
-- column: data_class # one row a class: an action with two is in two rows
-- column: actions # that were done: model calls, and tool calls that send, or that have a host
-- column: redactions # NULL: no component tells what it masked
-- column: blocked # questions and actions that were refused, not among actions unless they were done all the same
-- column: agents # how many agents
-- watched: SELECT count() FROM {db}.ev_actions(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')}) WHERE mapContains(attrs, 'spanwarden.data.classes')
-- not_observed: No collector was there, or nothing stated classes of data (spanwarden.data.classes): what left is not known by class.
-- zero: Classes were stated of actions, and none of these left.
SELECT
    tenant_id, toDate(a.ts) AS day,
    arrayFirst(h -> h != '', [a.attrs['server.address'], domain(a.tool_resource), extract(a.tool_resource, '^mailto:[^@?]*@([^?,> ]+)'), a.attrs['url.domain'], domain(a.attrs['url.full'])]) AS host,
    provider, tool_name AS tool, arrayJoin(JSONExtract(a.attrs['spanwarden.data.classes'], 'Array(String)')) AS data_class,
    countIf(a.kind != 'decision') AS actions, CAST(NULL, 'Nullable(UInt64)') AS redactions,
    countIf(a.kind = 'decision' AND a.decision_effect IN ('deny', 'halt', 'ask')) AS blocked,
    uniqExact(a.agent_id) AS agents
FROM {db}.ev_actions(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')}) AS a
WHERE mapContains(a.attrs, 'spanwarden.data.classes') AND a.attrs['spanwarden.action.duplicate'] != 'true'
    AND (a.kind IN ('inference', 'embedding') AND a.usage_accounting != 'rollup'
        OR a.kind IN ('tool', 'handoff') AND (a.tool_operation = 'send' OR host != '')
        OR a.kind = 'decision' AND a.decision_effect IN ('deny', 'halt', 'ask'))
GROUP BY tenant_id, day, host, provider, tool, data_class
ORDER BY day, tenant_id, host, provider, tool, data_class
