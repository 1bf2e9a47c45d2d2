-- creating view ev_anchors
-- What each kind of anchor took of each log in the period, and for how long at most
-- it took nothing: the time in which a tail could have been cut off unnoticed by it.
CREATE OR REPLACE VIEW {db}.ev_anchors{on_cluster} AS
SELECT
    writer_id, writer_epoch, anchor,
    countIf(error = '') AS taken,
    countIf(error != '') AS failed,
    maxIf(size, error = '') AS anchored_leaves,
    maxIf(at, error = '') AS anchored_at,
    arrayMax(arrayDifference(arrayPushBack(arrayPushFront(arraySort(groupArrayIf(toUnixTimestamp64Milli(at), error = '')),
        toUnixTimestamp64Milli(min(begun))), toUnixTimestamp64Milli(greatest(max(ended), max(at)))))) / 1000 AS longest_lag_seconds,
    argMaxIf(uri, at, error = '') AS last_uri,
    argMaxIf(error, at, error != '') AS last_error
FROM
(
    SELECT
        writer_id, writer_epoch, size, ts AS at, anchor, uri, error,
        min(ts) OVER (PARTITION BY writer_id, writer_epoch) AS begun,
        max(ts) OVER (PARTITION BY writer_id, writer_epoch) AS ended
    FROM {db}.ledger_checkpoints{all}
    LEFT ARRAY JOIN anchor_kinds AS anchor, anchor_uris AS uri, anchor_errors AS error
    WHERE ts >= {period_start:DateTime64(3,'UTC')} AND ts < {period_end:DateTime64(3,'UTC')}
)
WHERE anchor != ''
GROUP BY writer_id, writer_epoch, anchor
