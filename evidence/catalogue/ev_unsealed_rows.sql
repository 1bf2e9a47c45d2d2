-- id: ev_unsealed_rows
-- number: 7
-- section: A
-- question: Which rows did nobody seal, such as rows inserted by hand?
-- controls: PI1.5 A.5.33
-- shows: exceptions
-- param: grace_minutes UInt32 = 15 # rows that came later may still be sealed
-- column: table # where the rows are
-- column: writer # whom they name as their writer, empty for nobody
-- column: epoch # which of its logs they name
-- column: batch_id # batch that they name, hex
-- column: rows # how many, with those that are there twice
-- column: first_inserted # when the store took the first
-- population: SELECT sum(rows) FROM {db}.ledger_batches{all} WHERE entry_kind = 'batch'
-- not_observed: No collector ever sealed anything, and there are no rows.
-- zero: Nothing was sealed yet, and there are no rows.
-- fine: A leaf vouches for every row older than the grace. Whether they are as they were sealed is what ev_digest_mismatch tells.
SELECT table_name AS table, toString(writer_id) AS writer, writer_epoch AS epoch, lower(hex(batch_id)) AS batch_id, rows, first_inserted
FROM {db}.ev_unsealed(period_start = toDateTime64('2000-01-01 00:00:00', 3, 'UTC'), period_end = toDateTime64('2200-01-01 00:00:00', 3, 'UTC'))
WHERE first_inserted <= now64(3) - toIntervalMinute({grace_minutes:UInt32})
ORDER BY table, writer, epoch, batch_id
