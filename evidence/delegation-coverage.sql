-- id: delegation-coverage
-- question: Which share of the runs stands in an unbroken chain that goes back to a known principal?
-- controls: CC2.1 CC6.3 A.5.15 A.8.15
-- empty: It always answers one line. With runs = 0 nothing was observed and the shares are not known.
WITH judged AS
(
    SELECT
        r.tenant_id AS tenant_id, r.run_id AS run_id, c.verdict AS verdict,
        multiIf(r.principal_grade != '', r.principal_grade, c.principal_grade) AS principal_grade,
        multiIf(r.principal_id != '', r.principal_id, c.principal_id) AS principal
    FROM
    (
        SELECT * FROM ev_runs(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
    ) AS r
    LEFT JOIN
    (
        SELECT * FROM ev_chains(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
    ) AS c ON c.tenant_id = r.tenant_id AND c.chain_id = r.chain_id
)
SELECT
    count() AS runs,
    countIf(verdict = '') AS runs_without_verdict,
    countIf(verdict = 'unbroken') AS unbroken, countIf(verdict = 'unbroken_unverified') AS unbroken_unverified,
    countIf(verdict NOT IN ('', 'unbroken', 'unbroken_unverified')) AS broken,
    countIf(principal != '' AND principal_grade NOT IN ('', 'missing')) AS attributed,
    countIf(principal != '' AND principal_grade = 'verified') AS attributed_verified,
    countIf(verdict IN ('unbroken', 'unbroken_unverified') AND principal != '' AND principal_grade NOT IN ('', 'missing')) AS unbroken_attributed,
    if(runs = 0, NULL, round(unbroken_attributed / runs, 4)) AS share_unbroken_attributed,
    if(runs = 0, NULL, round(countIf(verdict = 'unbroken' AND principal != '' AND principal_grade NOT IN ('', 'missing')) / runs, 4)) AS share_verified_attributed
FROM judged
