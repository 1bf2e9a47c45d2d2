package chain

// Grade says how well a delegation, or a principal, is evidenced.
type Grade string

// The grades. Of edges, best first: verified, declared, structural, correlated,
// inferred. Of principals: verified, declared, platform, inferred, missing.
const (
	Verified   Grade = "verified"
	Declared   Grade = "declared"
	Structural Grade = "structural"
	Correlated Grade = "correlated"
	Inferred   Grade = "inferred"
	Platform   Grade = "platform"
	Missing    Grade = "missing"
)

// rank orders the grades of edges; a greater one is better, 0 is none.
func (g Grade) rank() int {
	switch g {
	case Verified:
		return 5
	case Declared:
		return 4
	case Structural:
		return 3
	case Correlated:
		return 2
	case Inferred:
		return 1
	default:
		return 0
	}
}

// Kind says how work or control moves along an edge.
type Kind string

// The kinds of edges. Approval is a type of link that makes no edge.
const (
	Delegate    Kind = "delegate"
	Transfer    Kind = "transfer"
	Spawn       Kind = "spawn"
	Resume      Kind = "resume"
	Join        Kind = "join"
	Reauthorise Kind = "reauthorise"
	Approve     Kind = "approval"
)

// KindOfLink reads the value of spanwarden.link.type; "" for one that is none,
// which makes the link untyped.
func KindOfLink(s string) Kind {
	switch s {
	case "delegation":
		return Delegate
	case "transfer", "spawn", "resume", "join", "reauthorise", "approval":
		return Kind(s)
	default:
		return ""
	}
}

// Authority is what everything above an agent says of its action.
type Authority string

// The values of Authority.
const (
	AuthorityRespected Authority = "respected"
	AuthorityRefused   Authority = "refused"
	AuthorityAmbiguous Authority = "ambiguous"
	AuthorityUnknown   Authority = "not_evaluated"
)

// Boundary is what the agent's own entry says of its action.
type Boundary string

// The values of Boundary.
const (
	BoundaryRespected    Boundary = "respected"
	BoundaryViolation    Boundary = "violation"
	BoundaryNotEvaluated Boundary = "not_evaluated"
	BoundaryUnregistered Boundary = "unregistered"
)

// Tri is a value of three-valued logic. The zero value is unknown.
type Tri int8

// The values of Tri.
const (
	Unknown Tri = 0
	False   Tri = -1
	True    Tri = 1
)

// And is the Kleene conjunction: any false is false, else any unknown is unknown.
func (t Tri) And(u Tri) Tri {
	switch {
	case t == False || u == False:
		return False
	case t == True && u == True:
		return True
	default:
		return Unknown
	}
}

// Or is the Kleene disjunction.
func (t Tri) Or(u Tri) Tri { return -(-t).And(-u) }

// Principal is on whose behalf a run acts. An empty ID is a missing principal.
type Principal struct {
	Type, ID, Issuer string
	Grade            Grade
}

// String returns "type:id", and "" for a missing principal.
func (p Principal) String() string {
	if p.ID == "" {
		return ""
	}
	return p.Type + ":" + p.ID
}

func (p Principal) same(o Principal) bool { return p.Type == o.Type && p.ID == o.ID }
