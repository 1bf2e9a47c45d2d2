-- id: ev_checkpoints
-- number: 8
-- section: A
-- question: Is the head of the ledger held outside the database?
-- controls: A.5.28 A.5.33 A.8.24
-- shows: records
-- column: writer # whose log
-- column: epoch # which of its logs
-- column: day # UTC; a line is a day, a log and a place
-- column: anchor_kind # directory, http and others; empty: checkpoints in the database only
-- column: uri # where it is held
-- column: size # leaves that the newest checkpoint of the day counts
-- column: root # its root, base64
-- column: signed_by # name and id of the keys, as in their public keys
-- column: anchored_at # when it was left there; empty where none could be on the day
-- column: lag_s # longest time in seconds between two checkpoints of the day that were left there, or to its first or last one: what could be cut unnoticed; empty where none was
-- column: checkpoints # of the day
-- column: failed # of these, those that could not be left there
-- column: consistent # 1: each checkpoint of the day is the one that its last leaf came with, and no other root was signed for its size; 0: not so; empty: a leaf is missing
-- not_observed: No collector was there in the period.
-- zero: Collectors were there, and none signed a checkpoint.
WITH
copies AS
(
    SELECT
        writer_id, writer_epoch, size, root, ts, arrayJoin(arrayZip(
            if(empty(anchor_kinds), [''], arrayMap(x -> toString(x), anchor_kinds)), if(empty(anchor_kinds), [''], anchor_uris),
            if(empty(anchor_kinds), [''], anchor_errors))) AS anchor,
        arrayStringConcat(arrayMap(
            s -> concat(s[1], '+', lower(hex(substring(tryBase64Decode(s[2]), 1, 4)))),
            extractAllGroupsVertical(note, '\n— ([^ \n]+) ([^ \n]+)')), ' ') AS signed_by
    FROM
    (
        SELECT *
        FROM {db}.ledger_checkpoints{all}
        WHERE ts >= {period_start:DateTime64(3,'UTC')} AND ts < {period_end:DateTime64(3,'UTC')}
        LIMIT 1 BY writer_id, writer_epoch, size, root, ts
    )
),
roots AS
(
    SELECT writer_id, writer_epoch, seq + 1 AS size, uniqExact(signed) AS different, any(signed) AS leaf_root
    FROM
    (
        SELECT writer_id, writer_epoch, seq, splitByChar('\n', note)[3] AS signed
        FROM {db}.ledger_batches{all}
        WHERE (writer_id, writer_epoch, seq + 1) IN (SELECT writer_id, writer_epoch, size FROM copies)
    )
    GROUP BY writer_id, writer_epoch, size
)
SELECT
    toString(c.writer_id) AS writer, c.writer_epoch AS epoch, toDate(c.ts) AS day, c.anchor.1 AS anchor_kind, c.anchor.2 AS uri,
    max(c.size) AS size, argMax(c.root, (c.size, c.ts)) AS root, argMax(c.signed_by, (c.size, c.ts)) AS signed_by,
    maxIf(toNullable(c.ts), c.anchor.1 != '' AND c.anchor.3 = '') AS anchored_at,
    if(anchored_at IS NULL, NULL, arrayMax(arrayDifference(arrayMap(t -> toUnixTimestamp64Milli(t), arraySort(arrayConcat(
        [min(c.ts), max(c.ts)], groupArrayIf(c.ts, c.anchor.1 != '' AND c.anchor.3 = '')))))) / 1000) AS lag_s,
    uniqExact(c.size, c.ts) AS checkpoints, uniqExactIf((c.size, c.ts), c.anchor.3 != '') AS failed,
    multiIf(countIf(r.size > 0 AND (r.leaf_root != c.root OR r.different > 1)) > 0 OR uniqExact(c.size, c.root) > uniqExact(c.size), 0, countIf(r.size = 0) > 0, NULL, 1) AS consistent
FROM copies AS c
LEFT JOIN roots AS r ON c.writer_id = r.writer_id AND c.writer_epoch = r.writer_epoch AND c.size = r.size
GROUP BY writer, epoch, day, anchor_kind, uri
ORDER BY day, writer, epoch, anchor_kind, uri
