-- creating view ev_ledger
CREATE OR REPLACE VIEW {db}.ev_ledger{on_cluster} AS
SELECT *
FROM {db}.ledger_batches{all}
WHERE sealed_at >= {period_start:DateTime64(3,'UTC')} AND sealed_at < {period_end:DateTime64(3,'UTC')}
LIMIT 1 BY writer_id, writer_epoch, seq, leaf_hash
