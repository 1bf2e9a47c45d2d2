-- id: ev_digest_mismatch
-- number: 6
-- section: A
-- question: Was any row edited, added or removed since it was sealed?
-- controls: PI1.5 A.5.28 A.5.33
-- shows: exceptions
-- column: writer # who sealed the batch
-- column: epoch # in which of its logs
-- column: seq # as which leaf
-- column: table # where the rows are
-- column: rows_ledger # rows that were sealed
-- column: rows_now # rows that are there now, each once
-- column: digest_ledger # as it was signed
-- column: digest_now # as the rows give it now
-- column: kind # edited (as many rows, others), removed, added, gone (no row is left)
-- population: SELECT count() FROM {db}.ledger_batches{all} WHERE entry_kind = 'batch'
-- not_observed: No collector ever sealed anything: nothing can be compared.
-- zero: Nothing was sealed yet.
-- fine: Every batch is as it was sealed, or was dropped when its time was over, as a leaf said before. Signatures are checked by spanwarden verify.
WITH
-- what retention took, by log: partitions that are dropped whole
drops AS
(
    SELECT
        detail['table'] AS table_name, splitByChar(' ', log)[1] AS log_name,
        toUInt64OrZero(splitByChar(' ', log)[2]) AS first_seq, toUInt64OrZero(splitByChar(' ', log)[3]) AS last_seq,
        toInt64OrZero(detail['min_ts']) AS drop_from, toInt64OrZero(detail['max_ts']) AS drop_to
    FROM {db}.ledger_batches{all}
    ARRAY JOIN arrayFilter((v, k) -> startsWith(k, 'log_'), mapValues(detail), mapKeys(detail)) AS log
    WHERE entry_kind = 'retention_drop'
),
sealed AS
(
    SELECT writer_id, writer_epoch, seq, table_name, batch_id, rows, batch_digest, min_ts, max_ts
    FROM {db}.ledger_batches{all}
    WHERE entry_kind = 'batch'
    LIMIT 1 BY writer_id, writer_epoch, seq, batch_digest
)
SELECT
    toString(l.writer_id) AS writer, l.writer_epoch AS epoch, l.seq AS seq, toString(l.table_name) AS table,
    l.rows AS rows_ledger, b.batch_rows AS rows_now, l.batch_digest AS digest_ledger, b.batch_digest AS digest_now,
    multiIf(rows_now = 0, 'gone', rows_now < rows_ledger, 'removed', rows_now > rows_ledger, 'added', 'edited') AS kind
FROM sealed AS l
LEFT JOIN {db}.batch_digests AS b
    ON l.writer_id = b.writer_id AND l.writer_epoch = b.writer_epoch AND l.batch_id = b.batch_id AND l.table_name = b.table_name
LEFT JOIN
(
    SELECT writer_id, writer_epoch, max(toUInt32OrZero(detail['retention_days'])) AS days
    FROM {db}.ledger_batches{all}
    WHERE entry_kind IN ('genesis', 'config_change')
    GROUP BY writer_id, writer_epoch
) AS kept ON l.writer_id = kept.writer_id AND l.writer_epoch = kept.writer_epoch
WHERE l.batch_digest != b.batch_digest
    -- the store itself drops what is past its time
    AND NOT (b.batch_rows < l.rows AND kept.days > 0 AND l.min_ts < now() - toIntervalDay(kept.days))
    AND (l.table_name, concat(l.writer_id, '/', toString(l.writer_epoch)), l.seq) NOT IN
    (
        SELECT toString(s.table_name), drops.log_name, s.seq
        FROM sealed AS s
        INNER JOIN drops ON s.table_name = drops.table_name AND concat(s.writer_id, '/', toString(s.writer_epoch)) = drops.log_name
        WHERE s.seq BETWEEN drops.first_seq AND drops.last_seq
            AND toUnixTimestamp64Nano(s.min_ts) >= drops.drop_from AND toUnixTimestamp64Nano(s.max_ts) <= drops.drop_to
    )
    -- what stayed of a batch that had rows elsewhere, too
    AND (l.table_name, concat(l.writer_id, '/', toString(l.writer_epoch), ' ', toString(l.seq), ' ', toString(b.batch_rows), ' ', b.batch_digest)) NOT IN
    (
        SELECT detail['table'], concat(splitByChar(' ', split)[1], ' ', splitByChar(' ', split)[2], ' ', splitByChar(' ', split)[3], ' ', upper(splitByChar(' ', split)[4]))
        FROM {db}.ledger_batches{all}
        ARRAY JOIN arrayFilter((v, k) -> startsWith(k, 'split_'), mapValues(detail), mapKeys(detail)) AS split
        WHERE entry_kind = 'retention_drop'
    )
ORDER BY writer, epoch, seq, digest_ledger
