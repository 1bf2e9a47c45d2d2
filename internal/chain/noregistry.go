package chain

// NoRegistry is Rights where no registry has been read: nobody is known to be
// unregistered, nothing to be allowed or refused. Chains are rebuilt; actions are
// not evaluated.
var NoRegistry Rights = noRegistry{}

type noRegistry struct{}

// Entry implements Rights.
func (noRegistry) Entry(string, string, int64) Entry { return noEntry{} }

// Version implements Rights.
func (noRegistry) Version(string, int64) string { return "" }

type noEntry struct{}

// Judge implements Entry.
func (noEntry) Judge(*Act, int64, ApprovalFunc) Ruling { return Ruling{} }

// MayAsk implements Entry.
func (noEntry) MayAsk(Principal) Tri { return Unknown }

// RequiresPrincipal implements Entry.
func (noEntry) RequiresPrincipal() bool { return false }

// Direct implements Entry.
func (noEntry) Direct() bool { return true }

// MayDelegate implements Entry.
func (noEntry) MayDelegate(string) bool { return true }

// Delegation implements Entry.
func (noEntry) Delegation() Limits { return Limits{MaxDepth: -1, Unknown: true} }

// Scope implements Entry.
func (noEntry) Scope(string, string) Scope { return noScope{} }

// Contains implements Entry.
func (noEntry) Contains(Scope) Tri { return Unknown }

type noScope struct{}

// Covers implements Scope.
func (noScope) Covers(*Act, int64) (Tri, bool) { return Unknown, false }

// Contains implements Scope.
func (noScope) Contains(Scope) Tri { return Unknown }
