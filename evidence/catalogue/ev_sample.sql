-- id: ev_sample
-- number: 46
-- section: E
-- question: Which actions does an auditor get as a random sample that anyone can draw again?
-- controls: AT-C-205
-- shows: records
-- param: seed String = spanwarden # any text; the same text draws the same actions
-- param: size UInt32 = 25 # how many
-- column: tenant_id # tenant
-- column: action # id, hex
-- column: ts # when it began
-- column: agent # that acted
-- column: version # of the agent
-- column: principal # on whose behalf
-- column: tool # tool or model
-- column: class # what the tool does (spanwarden.tool.operation), or the kind of action
-- column: decision # what was decided about it, empty where nobody asked
-- column: policy_version # that judged it
-- column: outcome # success, failure or unknown
-- column: trace # trace id, hex
-- column: writer # collector that stored it
-- column: batch # batch, hex; spanwarden prove makes a proof of the row
-- column: row_ix # place in the batch
-- not_observed: No collector was there in the period: there is no population.
-- zero: Collectors were there, and no action was recorded: the population is empty.
WITH drawn AS
(
    SELECT tenant_id, action_id
    FROM {db}.actions{all}
    WHERE ts >= {period_start:DateTime64(3,'UTC')} AND ts < {period_end:DateTime64(3,'UTC')}
    GROUP BY tenant_id, action_id
    ORDER BY sipHash64({seed:String}, action_id), action_id, tenant_id
    LIMIT {size:UInt32}
)
SELECT
    toString(tenant_id) AS tenant_id, lower(hex(a.action_id)) AS action, ts, agent_id AS agent, agent_version AS version, principal_id AS principal,
    if(tool_name != '', tool_name, if(response_model != '', response_model, request_model)) AS tool, if(tool_operation != '', tool_operation, kind) AS class,
    decision_effect AS decision, policy_version, outcome, trace_id AS trace, writer_id AS writer, lower(hex(batch_id)) AS batch, row_ix
FROM {db}.ev_actions(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')}) AS a
WHERE (a.tenant_id, a.action_id) IN drawn
ORDER BY sipHash64({seed:String}, a.action_id), a.action_id, a.tenant_id
