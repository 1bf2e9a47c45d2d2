package policy

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// The grades of a binding, strongest first: checked by us or the platform's
// identity system, told by the platform, or said by the emitter.
const (
	GradeVerified = "verified"
	GradePlatform = "platform"
	GradeDeclared = "declared"
)

// Identity is what is known of who acts.
type Identity struct {
	// SPIFFE and OAuthClientID must have been verified.
	SPIFFE, OAuthClientID string
	// Namespace and ServiceAccount are Kubernetes', as the platform tells them.
	Namespace, ServiceAccount string
	// Subject is an AuthZEN subject, "type:id".
	Subject string
	// Attr returns an attribute of the span or its resource; nil has none.
	Attr func(key string) (string, bool)
	// Version is the agent's version; "" is not known.
	Version string
}

type matchKind uint8

const (
	matchSPIFFE matchKind = iota
	matchOAuth
	matchK8s
	matchSubject
	matchAttr
)

var matchNames = [...]string{"spiffe", "oauth_client_id", "k8s", "subject", "attr"}

func (k matchKind) grade() string {
	return [...]string{GradeVerified, GradeVerified, GradePlatform, GradeDeclared, GradeDeclared}[k]
}

// match is one way to recognise an agent.
type match struct {
	kind  matchKind
	value string            // of k8s: namespace/serviceAccount
	attrs map[string]string // of attr
	key   string            // of attr: the attribute it is found by
	agent *Agent
	place Place
}

// identityKey is equal for equal matches.
func (m *match) identityKey() string {
	if m.kind != matchAttr {
		return matchNames[m.kind] + "\x00" + m.value
	}
	var b strings.Builder
	b.WriteString("attr")
	for _, k := range slices.Sorted(maps.Keys(m.attrs)) {
		b.WriteString("\x00" + k + "\x00" + m.attrs[k])
	}
	return b.String()
}

// identity reads the agent block.
func (d *reader) identity(a *Agent, n node) {
	o, _ := d.object(n, []string{"id", "match", "versions"})
	if v, ok := o.get("id"); ok {
		a.id = d.text(v)
	}
	if v, ok := o.get("match"); ok {
		for _, item := range d.list(v) {
			if m, ok := d.match(item); ok {
				m.agent = a
				a.matches = append(a.matches, m)
			}
		}
	}
	if v, ok := o.get("versions"); ok {
		for _, item := range d.list(v) {
			s := d.text(item)
			if r, err := parseVersionRange(s); err != nil {
				d.fail(item, "%q: %v", s, err)
			} else {
				a.versions = append(a.versions, r)
			}
		}
	}
}

func (d *reader) match(n node) (match, bool) {
	o, ok := d.object(n, matchNames[:])
	if !ok {
		return match{}, false
	}
	if len(o.keys) != 1 {
		d.fail(o.node, "has %d ways to match, want one of %s; list the others separately", len(o.keys), strings.Join(matchNames[:], ", "))
		return match{}, false
	}
	m := match{kind: matchKind(slices.Index(matchNames[:], o.keys[0])), place: Place{d.file, o.y.Line, o.y.Column}}
	v := o.values[o.keys[0]]
	switch m.kind {
	case matchK8s:
		k, _ := d.object(v, []string{"namespace", "serviceAccount"})
		ns, ok1 := k.get("namespace")
		sa, ok2 := k.get("serviceAccount")
		if !ok1 || !ok2 {
			d.fail(v, "needs namespace and serviceAccount")
			return m, false
		}
		m.value = d.text(ns) + "/" + d.text(sa)
	case matchAttr:
		attrs, _ := d.object(v, nil)
		m.attrs = map[string]string{}
		for _, k := range attrs.keys {
			m.attrs[k] = d.text(attrs.values[k])
		}
		if len(m.attrs) == 0 {
			d.fail(v, "needs an attribute")
			return m, false
		}
		m.key = attrKey(m.attrs)
	default:
		m.value = d.text(v)
	}
	return m, true
}

// attrKey picks the attribute that tells agents apart best.
func attrKey(attrs map[string]string) string {
	for _, k := range []string{"gen_ai.agent.id", "gen_ai.agent.name", "agent.name"} {
		if _, ok := attrs[k]; ok {
			return k
		}
	}
	return slices.Min(slices.Collect(maps.Keys(attrs)))
}

// binder finds entries by identity.
type binder struct {
	exact map[matchKind]map[string]*match
	attrs map[string]map[string][]*match // key, value; the most attributes first
	keys  []string
}

func (d *reader) binder(agents []*Agent) binder {
	b := binder{exact: map[matchKind]map[string]*match{}, attrs: map[string]map[string][]*match{}}
	seen := map[string]*Agent{}
	for _, a := range agents {
		for i := range a.matches {
			m := &a.matches[i]
			key := m.identityKey()
			if other := seen[key]; other != nil {
				d.failAt(m.place, "spec.agent.match["+strconv.Itoa(i)+"]",
					"%s of agent %q equals one of agent %q (%s:%d)", matchNames[m.kind], a.id, other.id, other.place.File, other.place.Line)
				continue
			}
			seen[key] = a
			b.add(m)
		}
	}
	b.keys = slices.Sorted(maps.Keys(b.attrs))
	return b
}

func (b *binder) add(m *match) {
	if m.kind != matchAttr {
		if b.exact[m.kind] == nil {
			b.exact[m.kind] = map[string]*match{}
		}
		b.exact[m.kind][m.value] = m
		return
	}
	values := b.attrs[m.key]
	if values == nil {
		values = map[string][]*match{}
		b.attrs[m.key] = values
	}
	list := slices.Concat(values[m.attrs[m.key]], []*match{m})
	slices.SortStableFunc(list, func(x, y *match) int { return cmp.Compare(len(y.attrs), len(x.attrs)) })
	values[m.attrs[m.key]] = list
}

// Binding is who an action was bound to.
type Binding struct {
	Agent *Agent
	// Grade is the grade of the match that hit, By its kind.
	Grade, By string
	// Other is another agent that a weaker match hit, nil if none did: what the
	// emitter says and what the platform says differ.
	Other *Agent
	// VersionUnknown says that the entry holds for some versions only and the
	// agent's is not known.
	VersionUnknown bool
}

// Bind finds the entry of who acts. The strongest evidence wins: spiffe, then
// oauth_client_id, k8s, subject, attr; among attributes the match that names the
// most. An entry that does not hold for the agent's version is not hit.
func (r *Registry) Bind(id *Identity) (Binding, bool) {
	var out Binding
	hit := func(m *match) {
		if m == nil {
			return
		}
		fits := m.agent.versionFits(id.Version)
		switch {
		case fits == False:
		case out.Agent == nil:
			out.Agent, out.Grade, out.By = m.agent, m.kind.grade(), matchNames[m.kind]
			out.VersionUnknown = fits == Unknown
		case out.Agent != m.agent && out.Other == nil:
			out.Other = m.agent
		}
	}
	exact := func(k matchKind, v string) {
		if v != "" {
			hit(r.binder.exact[k][v])
		}
	}
	exact(matchSPIFFE, id.SPIFFE)
	exact(matchOAuth, id.OAuthClientID)
	if id.Namespace != "" && id.ServiceAccount != "" && r.binder.exact[matchK8s] != nil {
		exact(matchK8s, id.Namespace+"/"+id.ServiceAccount)
	}
	exact(matchSubject, id.Subject)
	if id.Attr != nil {
		hit(r.binder.byAttr(id))
	}
	return out, out.Agent != nil
}

// byAttr returns the match with the most attributes that all hold.
func (b *binder) byAttr(id *Identity) *match {
	var best *match
	for _, key := range b.keys {
		v, ok := id.Attr(key)
		if !ok {
			continue
		}
		for _, m := range b.attrs[key][v] {
			if best != nil && len(m.attrs) <= len(best.attrs) {
				break
			}
			if m.holds(id) && m.agent.versionFits(id.Version) != False {
				best = m
				break
			}
		}
	}
	return best
}

func (m *match) holds(id *Identity) bool {
	for k, want := range m.attrs {
		if got, ok := id.Attr(k); !ok || got != want {
			return false
		}
	}
	return true
}
