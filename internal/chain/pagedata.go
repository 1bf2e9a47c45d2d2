package chain

// Page is everything an auditor is shown of one chain. Runs stand root first,
// edges by delegatee, actions by start.
type Page struct {
	Chain   ChainView
	Runs    []RunView
	Edges   []EdgeView
	Actions []ActionView
	// Findings are those that fire.
	Findings []Finding
	// PolicyVersions are those that the chain was judged under.
	PolicyVersions []string
	// Revisions are digests of the chain's revisions as settled, oldest first.
	Revisions []Revision
}

// Revision is one settled revision of a chain.
type Revision struct {
	Number  int
	At      int64
	Verdict Code
	Digest  string
}
