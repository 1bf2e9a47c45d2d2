-- id: unsealed-rows
-- question: Which rows did nobody seal, such as rows written by hand?
-- controls: PI1.5 A.5.33
-- param: grace_minutes UInt32 = 15 # rows that came later may still be sealed
-- empty: Every row older than the grace has a leaf. Whether it is as it was sealed is what spanwarden verify tells.
SELECT table_name, writer_id AS writer, writer_epoch AS epoch, lower(hex(batch_id)) AS batch, rows, first_inserted
FROM ev_unsealed(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
WHERE last_inserted <= now64(3) - toIntervalMinute({grace_minutes:UInt32})
ORDER BY table_name, writer, epoch, batch
