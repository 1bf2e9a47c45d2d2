package chain

// run is an agent run while its group is judged, and what is remembered of it
// for questions between judgements.
type run struct {
	rec  *Record
	tr   *trace
	node int32

	up        *run // the run above by parents
	upMissing bool // a span above has not come
	edges     []*edge
	path      []*edge // the edges that count: named, else with authority, else causal
	hints     []*edge

	entry     Entry // in force at the start
	reauth    bool  // begins a new authority segment
	named     string
	misnamed  bool // names a registered grant of other agents
	external  bool // a delegator outside tracing vouches for it
	inCycle   bool
	tainted   bool // a cycle stands above
	broken    bool // something it refers to has not come
	resolved  bool // every ancestor on its path is known
	depth     int  // -1 is unknown
	remaining int
	principal Principal
	checked   Principal // whose token the decision receiver checked
	impostor  string    // the actor that such a token names, if it is another agent
	segment   *run
	comp      *component
	group     int // component, then index of the chain
	fanOut    int
	codes     []Code
	chain     string
	root      Ref

	// Of the search for cycles and of the walk upwards.
	mark    int
	low     int
	onStack bool
	stamp   int
	allows  bits
}

// edge is one way in which a run came about.
type edge struct {
	from     *run // nil where it is not known
	to       *run
	linked   Ref
	abroad   Ref // the delegator's run, where it belongs to another chain
	asked    Ref // the delegating span
	kind     Kind
	grade    Grade
	typed    bool
	missing  bool // what it refers to has not come
	external bool // the delegator is outside tracing
	cut      bool // refused by a limit

	id        string
	delegator string
	authority bool
	foreign   bool // it presents the grant of other agents
	weak      bool // its evidence is below the grade that carries authority
	grant     grantOf
	remaining int
	codes     []Code
}

// grantOf is what an edge allows.
type grantOf struct {
	source                                     string // registered, declared, standing, own
	scope                                      []string
	scopeKnown                                 bool
	constraints                                string
	from, until                                int64 // 0 is open
	revoked                                    int64
	depth                                      Hops
	by, ok, why                                string
	credential, credentialType, digest, parent string
}

// unites reports whether an edge makes its two runs parts of one chain.
func (e *edge) unites() bool { return e.kind != Join && e.grade != Inferred && !e.cut }

// accused is the span that a fault of the grant is laid to.
func (e *edge) accused() Ref {
	switch {
	case !e.asked.IsZero():
		return e.asked
	case !e.linked.IsZero():
		return e.linked
	default:
		return e.to.rec.Ref
	}
}

// delegatorName is who delegates, by the run, the grant or the link.
func (e *edge) delegatorName() string {
	if e.from != nil {
		return e.from.rec.Agent
	}
	return e.delegator
}
