-- id: ev_denials
-- number: 23
-- section: B
-- question: Does enforcement operate?
-- controls: CC6.1 CC6.6 CC5.2 A.5.15
-- shows: records
-- column: tenant_id # tenant
-- column: day # UTC
-- column: policy # rule, budget or halt that decided; empty where no rule did: what nothing allows is denied, what a block refuses too
-- column: version # of the registry
-- column: mode # enforce: the answer is the effect. shadow, warn: the answer is allow and the effect is on record
-- column: evaluated # decisions
-- column: denied # of these, answered deny or halt
-- column: asked # of these, answered ask: a person had to say yes
-- column: allowed # of these, answered allow
-- column: would_deny # of those allowed, whose effect was another: shadow or warn
-- column: errors_open # of those allowed, which could not be evaluated: a fact or the evidence was missing
-- watched: SELECT count() FROM {db}.decisions WHERE answered != '' AND ts < {period_end:DateTime64(3,'UTC')}
-- not_observed: No collector was there in the period, or no decision was ever asked for: nothing enforces.
-- zero: Decisions were asked for before the period's end, but none in it.
SELECT
    tenant_id, toDate(ts) AS day, policy_id AS policy, policy_version AS version, mode, count() AS evaluated,
    countIf(answered IN ('deny', 'halt')) AS denied, countIf(answered = 'ask') AS asked, countIf(answered = 'allow') AS allowed,
    countIf(answered = 'allow' AND effect != 'allow') AS would_deny,
    countIf(answered = 'allow' AND reason IN ('not_evaluable', 'evidence_unavailable')) AS errors_open
FROM {db}.ev_decisions(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
WHERE answered != ''
GROUP BY tenant_id, day, policy, version, mode
ORDER BY day, tenant_id, policy, version, mode
