-- id: ev_sequence_gaps
-- number: 5
-- section: A
-- question: Were sealed batches removed from the ledger?
-- controls: PI1.5 A.5.33
-- shows: exceptions
-- column: writer # whose log
-- column: epoch # which of its logs: when it began, ms since 1970
-- column: missing_from # first leaf that is missing
-- column: missing_to # last one
-- column: prev_at # when the leaf before was sealed, empty where the beginning is missing
-- column: sealed_at # when the leaf after was sealed, empty where the end is missing: a signed checkpoint counts leaves that are not there
-- population: SELECT count() FROM {db}.ledger_batches{all}
-- not_observed: No collector ever sealed anything: there is no ledger.
-- zero: The ledger is empty.
-- fine: No leaf is missing between the first and the newest that a checkpoint in the store counts. A tail that was cut together with its checkpoints shows against an anchor: spanwarden verify.
SELECT toString(writer_id) AS writer, writer_epoch AS epoch, missing_from, missing_to, prev_at, sealed_at
FROM
(
    SELECT writer_id, writer_epoch, missing_from, missing_to, previous_at AS prev_at, toNullable(sealed_at) AS sealed_at
    FROM {db}.ev_ledger_gaps
    UNION ALL
    SELECT c.writer_id, c.writer_epoch, if(l.leaves = 0, toUInt64(0), toUInt64(l.last_seq + 1)), toUInt64(c.size - 1), if(l.leaves = 0, NULL, l.last_at), NULL
    FROM
    (
        SELECT writer_id, writer_epoch, max(size) AS size
        FROM {db}.ledger_checkpoints{all}
        GROUP BY writer_id, writer_epoch
    ) AS c
    LEFT JOIN
    (
        SELECT writer_id, writer_epoch, count() AS leaves, max(seq) AS last_seq, toNullable(argMax(sealed_at, seq)) AS last_at
        FROM {db}.ledger_batches{all}
        GROUP BY writer_id, writer_epoch
    ) AS l ON c.writer_id = l.writer_id AND c.writer_epoch = l.writer_epoch
    WHERE c.size > if(l.leaves = 0, 0, l.last_seq + 1)
)
ORDER BY writer, epoch, missing_from
