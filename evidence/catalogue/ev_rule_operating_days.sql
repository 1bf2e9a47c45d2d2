-- id: ev_rule_operating_days
-- number: 31
-- section: C
-- question: Did each rule operate on each day, also on days when it found nothing?
-- controls: CC4.1 CC7.2 A.8.16
-- shows: records
-- column: day # UTC
-- column: rule # type of finding; of budgets budget/<id>
-- column: hits # findings of the rule that fired on the day, each once
-- column: rules_active_min # minutes for which collectors were there and had the rule in force, added up over collectors
-- column: collector_minutes # minutes for which collectors were there, likewise
-- column: versions # of configuration that had the rule in force on the day
-- column: state # not_observed: it was not in force while a collector was there; observed_zero: it was, and found nothing; observed: it found something
-- not_observed: No collector was there in the period, and no rule is on record: nothing was looked for.
-- zero: Collectors were there, and none of them told which rules it had in force.
WITH
minutes AS
(
    SELECT writer_id, toStartOfMinute(interval_start) AS minute, sum(seconds) / 60 AS seen
    FROM {db}.ev_ledger_intervals(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
    WHERE whole_seconds <= 180
    GROUP BY writer_id, minute
),
versions AS (SELECT * FROM {db}.ev_rules(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})),
active AS
(
    SELECT toDate(m.minute) AS day, arrayJoin(v.rules) AS rule, sum(m.seen) AS seen, groupUniqArray(v.version) AS versions
    FROM minutes AS m
    INNER JOIN versions AS v ON m.writer_id = v.writer_id
    WHERE v.in_force_from < m.minute + toIntervalMinute(1) AND v.in_force_to >= m.minute + toIntervalMinute(1) -- at its end one version of a kind is in force
    GROUP BY day, rule
),
hits AS
(
    SELECT
        toDate(ts) AS day, if(startsWith(type, 'budget.') AND extra['spanwarden.budget.id'] != '', concat('budget/', extra['spanwarden.budget.id']), toString(type)) AS rule,
        uniqExact(tenant_id, finding_id) AS hits
    FROM {db}.ev_finding_events(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
    WHERE state = 'firing' AND type != 'config.changed'
    GROUP BY day, rule
),
days AS
(
    SELECT arrayJoin(arrayMap(n -> toDate({period_start:DateTime64(3,'UTC')}) + n,
        range(toUInt32(dateDiff('day', {period_start:DateTime64(3,'UTC')}, least({period_end:DateTime64(3,'UTC')}, now64(3, 'UTC')) - toIntervalMillisecond(1)) + 1)))) AS day
)
SELECT
    r.day AS day, r.rule AS rule, ifNull(h.hits, 0) AS hits, round(ifNull(a.seen, 0), 1) AS rules_active_min,
    round(ifNull(c.seen, 0), 1) AS collector_minutes, length(ifNull(a.versions, [])) AS versions,
    multiIf(hits > 0, 'observed', rules_active_min = 0, 'not_observed', 'observed_zero') AS state
FROM
(
    SELECT day, rule
    FROM days
    CROSS JOIN (SELECT DISTINCT rule FROM (SELECT arrayJoin(rules) AS rule FROM versions UNION ALL SELECT rule FROM hits)) AS known
) AS r
LEFT JOIN active AS a ON a.day = r.day AND a.rule = r.rule
LEFT JOIN hits AS h ON h.day = r.day AND h.rule = r.rule
LEFT JOIN (SELECT toDate(minute) AS day, sum(seen) AS seen FROM minutes GROUP BY day) AS c ON c.day = r.day
ORDER BY r.day, r.rule
