package chainspan

// NamesVersion counts the changes of the default names.
const NamesVersion = 1

// Names says under which attributes things are looked for, in order: the first
// that is there counts.
type Names struct {
	LinkType, TransferMode                       []string
	DelegationID, ChainID                        []string
	PrincipalID, PrincipalType, User             []string
	Delegator, Scope, Constraints, Digest        []string
	ExpiresAt, NotBefore, MaxDepth               []string
	GrantedBy, ApprovedBy, ApprovalID            []string
	CredentialType, CredentialDigest             []string
	DecisionID, Purpose, DataClasses             []string
	Workload, Namespace, ServiceAccount          []string
	TaskID, ReferenceTasks, Conversation, Method []string
	// OwnID and ParentID are lineage ids local to a session; ParentName is a name
	// local to a trace.
	OwnID, ParentID, ParentName []string
	// CallID on a run names the tool call that started it.
	CallID []string
}

// DefaultNames returns the names of the convention and their known fallbacks.
func DefaultNames() Names {
	return Names{
		LinkType:         []string{"spanwarden.link.type"},
		TransferMode:     []string{"gen_ai.transfer.mode", "link.type"},
		DelegationID:     []string{"spanwarden.delegation.id", "baggage.spanwarden.delegation.id"},
		ChainID:          []string{"spanwarden.chain.id", "baggage.spanwarden.chain.id"},
		PrincipalID:      []string{"spanwarden.principal.id"},
		PrincipalType:    []string{"spanwarden.principal.type"},
		User:             []string{"user.id", "enduser.id", "enduser.pseudo.id"},
		Delegator:        []string{"spanwarden.delegation.delegator"},
		Scope:            []string{"spanwarden.delegation.scope"},
		Constraints:      []string{"spanwarden.delegation.constraints"},
		Digest:           []string{"spanwarden.delegation.constraints.digest"},
		ExpiresAt:        []string{"spanwarden.delegation.expires_at"},
		NotBefore:        []string{"spanwarden.delegation.not_before"},
		MaxDepth:         []string{"spanwarden.delegation.max_depth"},
		GrantedBy:        []string{"spanwarden.delegation.granted_by"},
		ApprovedBy:       []string{"spanwarden.delegation.approved_by"},
		ApprovalID:       []string{"spanwarden.approval.id"},
		CredentialType:   []string{"spanwarden.delegation.credential.type"},
		CredentialDigest: []string{"spanwarden.delegation.credential.digest"},
		DecisionID:       []string{"spanwarden.decision.id"},
		Purpose:          []string{"spanwarden.purpose"},
		DataClasses:      []string{"spanwarden.data.classes"},
		Workload:         []string{"spanwarden.workload.id"},
		Namespace:        []string{"k8s.namespace.name"},
		ServiceAccount:   []string{"k8s.serviceaccount.name", "k8s.service_account.name"},
		TaskID:           []string{"a2a.task.id"},
		ReferenceTasks:   []string{"a2a.message.reference_task_ids"},
		Conversation:     []string{"gen_ai.conversation.id", "a2a.context.id"},
		Method:           []string{"a2a.method.name"},
		OwnID:            []string{"agent_id", "subagent.id", "entity.id"},
		ParentID:         []string{"parent_agent_id", "agent.parent.id", "gen_ai.task.parent.id", "parent.conversation.id"},
		ParentName:       []string{"gen_ai.caller.name", "graph.node.parent_id", "gen_ai.agent.handoff_parent"},
		CallID:           []string{"gen_ai.tool.call.id", "tool_use_id"},
	}
}
