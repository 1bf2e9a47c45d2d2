// Package judge holds actions against the registry of what agents may do: it
// binds who acted, asks the policy engine, and words what was found. It knows no
// clock, no lock and no telemetry.
package judge

import (
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/spanwarden/spanwarden/internal/genai"
)

// Facts are what is known of one action. An empty field is unknown.
type Facts struct {
	ID      [16]byte
	TraceID pcommon.TraceID
	SpanID  pcommon.SpanID
	Kind    genai.Kind
	// Start and End are zero where the span states none.
	Start, End time.Time

	Tenant, Project, Session, Run string
	Agent                         genai.Agent
	Principal                     genai.Principal
	// SPIFFE, Namespace and ServiceAccount are what the resource says of the
	// workload. Nobody has checked it.
	SPIFFE, Namespace, ServiceAccount string
	// Attr returns an attribute of the span, then of its resource.
	Attr func(key string) (string, bool)

	Tool, Operation, Resource string
	Args                      string // JSON as emitted
	// Model is "provider/model" of what answered, else of what was asked for;
	// Asked is set where the two names differ only by a date.
	Model, Asked string
	ModelCall    bool
	Delegatee    string
	Purpose      string
	Data         []string // classes; nil is unknown

	// Delegated means that the run was given to the agent by another one.
	Delegated bool
	// Chained means that a delegation processor stands in front, which finds what
	// is wrong with hand-overs and approvals itself.
	Chained bool
	// ChainID and ChainDepth are what it says of the chain.
	ChainID    string
	ChainDepth int64
	// Claimed means that the action names an approval or a decision.
	Claimed bool

	// Guessed means that Agent is only the main agent of the process, which stands
	// in until it is known who acted.
	Guessed bool
	// Final means that nobody will tell more of who acted.
	Final bool
}

// Own returns a copy that does not share memory with a span. Arguments of more
// than maxArgs bytes are left out and unknown.
func (f *Facts) Own(maxArgs int, attrs map[string]string) *Facts {
	c := *f
	for _, s := range []*string{
		&c.Tenant, &c.Project, &c.Session, &c.Run, &c.Agent.ID, &c.Agent.Name, &c.Agent.Version, &c.Principal.ID, &c.Principal.Type,
		&c.SPIFFE, &c.Namespace, &c.ServiceAccount, &c.Tool, &c.Operation, &c.Resource, &c.Model, &c.Asked, &c.Delegatee, &c.Purpose, &c.ChainID,
	} {
		*s = strings.Clone(*s)
	}
	if len(f.Args) > maxArgs {
		c.Args = tooLong
	} else {
		c.Args = strings.Clone(f.Args)
	}
	for i, class := range f.Data {
		if i == 0 {
			c.Data = make([]string, len(f.Data))
		}
		c.Data[i] = strings.Clone(class)
	}
	c.Attr = func(key string) (string, bool) {
		v, ok := attrs[key]
		return v, ok
	}
	return &c
}

// tooLong is no JSON, so that arguments which were there and are not kept are
// unknown, not absent.
const tooLong = "{"

// Size is about how many bytes the facts hold.
func (f *Facts) Size() int {
	const fixed = 700
	return fixed + len(f.Tenant) + len(f.Project) + len(f.Session) + len(f.Run) + len(f.Agent.ID) + len(f.Agent.Name) +
		len(f.Principal.ID) + len(f.Tool) + len(f.Resource) + len(f.Args) + len(f.Model) + len(f.Delegatee) + len(f.ChainID)
}

// Learn takes what became known of who acted.
func (f *Facts) Learn(agent genai.Agent, session string, principal genai.Principal) {
	if agent.ID != "" {
		f.Agent, f.Guessed = agent, false
	}
	if session != "" {
		f.Session = session
	}
	if principal.ID != "" {
		f.Principal = principal
	}
}

// attr is what matches of the registry ask: the acting agent's own names come
// from whoever acted, not from the span, which may bear a framework's.
func (f *Facts) attr(key string) (string, bool) {
	var v string
	switch key {
	case "gen_ai.agent.id":
		v = f.Agent.ID
	case "gen_ai.agent.name", "agent.name":
		v = f.Agent.Name
	case "gen_ai.agent.version":
		v = f.Agent.Version
	default:
		if f.Attr == nil {
			return "", false
		}
		return f.Attr(key)
	}
	return v, v != ""
}
