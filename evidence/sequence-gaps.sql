-- id: sequence-gaps
-- question: Are leaves of the ledger gone?
-- controls: PI1.5 A.5.33
-- empty: No leaf is missing between the first and the last; a tail that was cut shows only in spanwarden verify. Without lines in completeness there is no ledger.
SELECT writer_id AS writer, writer_epoch AS epoch, missing_from, missing_to, previous_at AS after, sealed_at AS before
FROM ev_ledger_gaps
ORDER BY writer, epoch, missing_from
