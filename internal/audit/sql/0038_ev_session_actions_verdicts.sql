-- creating view ev_session_actions with late verdicts
CREATE OR REPLACE VIEW {db}.ev_session_actions{on_cluster} AS
SELECT a.* REPLACE (
    if(a.agent_id = '', late_agent_id, a.agent_id) AS agent_id,
    if(a.agent_id = '' AND late_agent_id != '', late_agent_name, a.agent_name) AS agent_name,
    if(a.agent_id = '' AND late_agent_id != '', late_agent_version, a.agent_version) AS agent_version,
    if(a.session_id = '', late_session_id, a.session_id) AS session_id,
    if(a.principal_id = '', late_principal_id, a.principal_id) AS principal_id,
    if(a.principal_id = '' AND late_principal_id != '', late_principal_type, a.principal_type) AS principal_type,
    if(a.principal_id = '' AND late_principal_id != '', late_principal_grade, a.principal_grade) AS principal_grade,
    if(a.run_id = '', late_run_id, a.run_id) AS run_id,
    -- a chain is known last, and by another id where it got another root
    if(late_chain_id != '', late_chain_id, a.chain_id) AS chain_id,
    if(late_chain_id != '', late_chain_depth, a.chain_depth) AS chain_depth,
    if(a.delegation_id = '', late_delegation_id, a.delegation_id) AS delegation_id,
    -- what was judged after its span had left
    if(late_boundary_verdict != '', late_boundary_verdict, a.boundary_verdict) AS boundary_verdict,
    if(late_boundary_verdict != '', late_boundary_rule, a.boundary_rule) AS boundary_rule,
    if(late_boundary_verdict != '' AND late_policy_version != '', late_policy_version, a.policy_version) AS policy_version
),
    if(late_authority != '', late_authority, a.attrs['spanwarden.delegation.authority']) AS delegation_authority
FROM
(
    SELECT *
    FROM {db}.actions{all}
    WHERE ts >= {period_start:DateTime64(3,'UTC')} AND ts < {period_end:DateTime64(3,'UTC')}
        AND (session_id = {session:String} OR action_id IN
            (SELECT action_id FROM {db}.attributions{all} WHERE session_id = {session:String}))
    LIMIT 1 BY tenant_id, action_id
) AS a
LEFT JOIN
(
    SELECT
        action_id AS late_action_id,
        argMaxIf(agent_id, observed_at, agent_id != '')             AS late_agent_id,
        argMaxIf(agent_name, observed_at, agent_id != '')           AS late_agent_name,
        argMaxIf(agent_version, observed_at, agent_id != '')        AS late_agent_version,
        argMaxIf(session_id, observed_at, session_id != '')         AS late_session_id,
        argMaxIf(principal_id, observed_at, principal_id != '')     AS late_principal_id,
        argMaxIf(principal_type, observed_at, principal_id != '')   AS late_principal_type,
        argMaxIf(principal_grade, observed_at, principal_id != '')  AS late_principal_grade,
        argMaxIf(run_id, observed_at, run_id != '')                 AS late_run_id,
        argMaxIf(chain_id, observed_at, chain_id != '')             AS late_chain_id,
        tupleElement(argMaxIf(tuple(chain_depth), observed_at, chain_id != '' AND chain_depth IS NOT NULL), 1) AS late_chain_depth,
        argMaxIf(delegation_id, observed_at, delegation_id != '')   AS late_delegation_id,
        argMaxIf(delegation_authority, observed_at, delegation_authority != '') AS late_authority,
        argMaxIf(boundary_verdict, observed_at, boundary_verdict != '')         AS late_boundary_verdict,
        argMaxIf(boundary_rule, observed_at, boundary_verdict != '')            AS late_boundary_rule,
        argMaxIf(policy_version, observed_at, boundary_verdict != '')           AS late_policy_version
    FROM {db}.attributions{all}
    WHERE action_id IN
    (
        SELECT action_id
        FROM {db}.actions{all}
        WHERE ts >= {period_start:DateTime64(3,'UTC')} AND ts < {period_end:DateTime64(3,'UTC')} AND session_id = {session:String}
        UNION ALL
        SELECT action_id FROM {db}.attributions{all} WHERE session_id = {session:String}
    )
    GROUP BY action_id
) AS late ON a.action_id = late.late_action_id
WHERE if(a.session_id = '', late_session_id, a.session_id) = {session:String}
