-- id: ev_collector_changes
-- number: 40
-- section: D
-- question: Was the recorder itself changed: which build with which configuration wrote when, and who started it?
-- controls: CC8.1 A.8.9 A.8.32
-- shows: records
-- column: writer # collector, as its signed log names it
-- column: epoch # when that log began, ms since 1970
-- column: build # program and version
-- column: config_digest # SHA-256 of its effective configuration without secrets, empty where it was not told
-- column: from_ts # first leaf that tells of it
-- column: to_ts # first leaf that tells of something else, NULL: it held at the end of the period
-- column: started_by # account that ran it, host; empty where it was not told
-- column: changed # start, build, config_digest, vkey, other: what is different from before
-- column: events # starts, recoveries and stops while it held, in the period
-- column: diff # of the configuration, without secrets, empty where none is recorded
-- column: vkey # public key that signs
-- not_observed: No collector was there in the period: there is no signed log of one.
-- zero: A signed log is there, and none of its leaves tells who wrote it.
WITH
settings AS
(
    SELECT
        writer_id, writer_epoch, seq, ts, event, build, config_digest, started_by, vkey,
        lagInFrame(build) OVER w AS build_before, lagInFrame(config_digest) OVER w AS config_before, lagInFrame(vkey) OVER w AS vkey_before, row_number() OVER w AS nth
    FROM {db}.ledger_writers
    WHERE ts < {period_end:DateTime64(3,'UTC')} AND event IN ('start', 'config_change', 'key_rotation')
    WINDOW w AS (PARTITION BY writer_id ORDER BY writer_epoch, seq ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),
spans AS
(
    SELECT *, leadInFrame(toNullable(ts)) OVER (PARTITION BY writer_id ORDER BY writer_epoch, seq ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS next
    FROM settings
)
SELECT
    s.writer_id AS writer, s.writer_epoch AS epoch, s.build AS build, s.config_digest AS config_digest, s.ts AS from_ts, s.next AS to_ts, s.started_by AS started_by,
    multiIf(s.nth = 1, ['start'], arrayFilter(c -> c != '', [
        if(s.event = 'start', 'new_log', ''), if(s.build != s.build_before, 'build', ''), if(s.config_digest != s.config_before, 'config_digest', ''),
        if(s.vkey != s.vkey_before, 'vkey', '')])) AS changed,
    arraySort(arrayFilter(e -> tupleElement(e, 1) >= s.ts AND tupleElement(e, 1) < ifNull(s.next, {period_end:DateTime64(3,'UTC')}), l.events)) AS events,
    c.diff AS diff, s.vkey AS vkey
FROM spans AS s
LEFT JOIN
(
    SELECT writer_id, groupArray((ts, event)) AS events
    FROM {db}.ledger_writers
    WHERE ts >= {period_start:DateTime64(3,'UTC')} AND ts < {period_end:DateTime64(3,'UTC')} AND event IN ('start', 'recover', 'stop')
    GROUP BY writer_id
) AS l ON l.writer_id = s.writer_id
LEFT JOIN
(
    SELECT version, argMax(diff, ts) AS diff
    FROM {db}.config_versions{all}
    WHERE kind = 'collector' AND ts < {period_end:DateTime64(3,'UTC')}
    GROUP BY version
) AS c ON c.version = s.config_digest AND s.config_digest != ''
WHERE s.next IS NULL OR s.next > {period_start:DateTime64(3,'UTC')}
ORDER BY s.writer_id, s.writer_epoch, s.seq
