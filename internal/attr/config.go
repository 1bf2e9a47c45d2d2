package attr

// Of findings of type config.changed: which version of what came into force, or
// was refused. ConfigKind makes the finding a row of table config_versions.
const (
	ConfigKind      = "spanwarden.config.kind" // registry, budgets, prices, …
	ConfigComponent = "spanwarden.config.component"
	ConfigVersion   = "spanwarden.config.version"
	ConfigPrevious  = "spanwarden.config.previous"
	ConfigKeys      = "spanwarden.config.keys" // string[]: what changed
	// ConfigRules are the rules in force under the version: string[], types of
	// findings, and of budgets budget/<id>.
	ConfigRules   = "spanwarden.config.rules"
	ConfigFiles   = "spanwarden.config.files" // string[]
	ConfigBy      = "spanwarden.config.by"
	ConfigDiff    = "spanwarden.config.diff"
	ConfigContent = "spanwarden.config.content"
	// ConfigDeclared is what a registry says of agents: string[], each element the
	// agent's id, "tool" or "model", and a pattern of the registry, parted by tabs; or
	// the id, "entry", and a JSON object: owner, purpose, risk_tier, versions, scopes,
	// ticket, requested_by, approved_by, approved_at, version, valid_from, valid_to,
	// digest, each where it is known.
	ConfigDeclared = "spanwarden.config.declared"
	// ConfigRefused is true, or says why, where the version did not come into
	// force and the previous one still serves.
	ConfigRefused = "spanwarden.config.refused"
)
