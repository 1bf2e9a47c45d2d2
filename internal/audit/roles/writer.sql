-- What a collector is: it appends evidence and its own ledger. It reads the ledger's
-- head, and its own batches after a crash. It changes and deletes nothing.
CREATE ROLE IF NOT EXISTS `{database}_writer`{on_cluster};
GRANT{on_cluster} INSERT ON {db}.actions TO `{database}_writer`;
GRANT{on_cluster} INSERT ON {db}.attributions TO `{database}_writer`;
GRANT{on_cluster} INSERT ON {db}.finding_events TO `{database}_writer`;
GRANT{on_cluster} INSERT ON {db}.config_versions TO `{database}_writer`;
GRANT{on_cluster} INSERT ON {db}.delegations TO `{database}_writer`;
GRANT{on_cluster} INSERT ON {db}.runs TO `{database}_writer`;
GRANT{on_cluster} INSERT ON {db}.chains TO `{database}_writer`;
GRANT{on_cluster} INSERT ON {db}.content TO `{database}_writer`;
GRANT{on_cluster} INSERT ON {db}.prices TO `{database}_writer`;
GRANT{on_cluster} INSERT ON {db}.ledger_batches TO `{database}_writer`;
GRANT{on_cluster} INSERT ON {db}.ledger_checkpoints TO `{database}_writer`;
GRANT{on_cluster} SELECT ON {db}.actions TO `{database}_writer`;
GRANT{on_cluster} SELECT ON {db}.attributions TO `{database}_writer`;
GRANT{on_cluster} SELECT ON {db}.finding_events TO `{database}_writer`;
GRANT{on_cluster} SELECT ON {db}.config_versions TO `{database}_writer`;
GRANT{on_cluster} SELECT ON {db}.delegations TO `{database}_writer`;
GRANT{on_cluster} SELECT ON {db}.runs TO `{database}_writer`;
GRANT{on_cluster} SELECT ON {db}.chains TO `{database}_writer`;
GRANT{on_cluster} SELECT ON {db}.ledger_batches TO `{database}_writer`;
GRANT{on_cluster} SELECT ON {db}.ledger_checkpoints TO `{database}_writer`;
