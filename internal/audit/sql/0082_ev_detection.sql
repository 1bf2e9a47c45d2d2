-- creating view ev_detection
-- One row: how many versions of rules were in force in the period, and findings were
-- told of in it. 0 means that nothing could be found.
CREATE OR REPLACE VIEW {db}.ev_detection{on_cluster} AS
SELECT
    (
        SELECT count() FROM {db}.ev_rules(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
        WHERE notEmpty(rules)
    ) +
    (
        SELECT count() FROM {db}.finding_events{all}
        WHERE ts >= {period_start:DateTime64(3,'UTC')} AND ts < {period_end:DateTime64(3,'UTC')} AND type != 'config.changed'
    ) AS n
