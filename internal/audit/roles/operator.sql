-- Who answers to findings: `spanwarden finding`. Nothing else is written.
CREATE ROLE IF NOT EXISTS `{database}_operator`{on_cluster};
GRANT{on_cluster} INSERT ON {db}.finding_events TO `{database}_operator`;
GRANT{on_cluster} INSERT ON {db}.ledger_batches TO `{database}_operator`;
GRANT{on_cluster} INSERT ON {db}.ledger_checkpoints TO `{database}_operator`;
GRANT{on_cluster} SELECT ON {db}.finding_events TO `{database}_operator`;
GRANT{on_cluster} SELECT ON {db}.findings TO `{database}_operator`;
GRANT{on_cluster} SELECT ON {db}.ev_finding_events TO `{database}_operator`;
GRANT{on_cluster} SELECT ON {db}.ledger_batches TO `{database}_operator`;
GRANT{on_cluster} SELECT ON {db}.ledger_checkpoints TO `{database}_operator`;
{cluster_only}GRANT{on_cluster} SELECT ON {db}.finding_events_all TO `{database}_operator`;
{cluster_only}GRANT{on_cluster} SELECT ON {db}.ledger_batches_all TO `{database}_operator`;
{cluster_only}GRANT{on_cluster} SELECT ON {db}.ledger_checkpoints_all TO `{database}_operator`;
