package pricing

import (
	"bytes"
	"time"
)

// found is what matching says of one query.
type found struct {
	provider *provider
	entry    *entry
	match    Match
	reason   Reason
}

// resolve finds the provider and the entry of q (cost.md §3.1).
func (b *Book) resolve(q *Query) found {
	var pb, hb [maxName]byte
	host := lower(&hb, q.Host)
	p, named := b.providerOf(q, lower(&pb, q.Provider), host)
	out := found{provider: p, reason: ReasonMissingModel}
	for _, model := range [2]string{q.ResponseModel, q.RequestModel} {
		var mb [maxName]byte
		name := lower(&mb, model)
		if len(name) == 0 {
			if len(model) > maxName {
				out.reason = ReasonUnknownModel
			}
			continue
		}
		f := b.find(p, named, name, q.Time)
		if f.entry != nil {
			return f
		}
		if f.provider != nil {
			out.provider = f.provider
		}
		if out.reason != ReasonLooseMatchRefused {
			out.reason = f.reason
		}
	}
	return out
}

// providerOf returns the provider q names. named is true where q says who it is
// but nobody knows that name: it is never replaced by a guess.
func (b *Book) providerOf(q *Query, name, host []byte) (p *provider, named bool) {
	if q.Gateway != "" {
		var gb [maxName]byte
		if p, _ = b.providerNamed(lower(&gb, q.Gateway)); p != nil && p.id == "openrouter" {
			return p, true
		}
	}
	gateway := false
	if len(name) > 0 {
		if p, gateway = b.providerNamed(name); p != nil || !gateway {
			return p, true
		}
	}
	if len(host) > 0 {
		if p = b.providerAt(host); p != nil {
			return p, true
		}
		return nil, !gateway // a gateway's own address says nothing
	}
	return nil, false
}

func (b *Book) find(p *provider, named bool, name []byte, at time.Time) found {
	if p != nil {
		return b.findAt(p, name, at, true)
	}
	if named {
		return found{reason: ReasonUnknownProvider}
	}
	if i := bytes.IndexByte(name, '/'); i > 0 {
		if q, _ := b.providerNamed(name[:i]); q != nil {
			return b.findAt(q, name[i+1:], at, false)
		}
	}
	for _, v := range b.vendors {
		for _, own := range v.native {
			if len(name) >= len(own) && string(name[:len(own)]) == own {
				if r, ok := v.lookup(name, at); ok {
					return found{provider: v, entry: r.entry, match: r.match}
				}
				return found{provider: v, reason: ReasonUnknownModel}
			}
		}
	}
	return found{reason: ReasonUnknownProvider}
}

// findAt walks the steps from alias to fallback within one provider. stripPrefix
// is false where a provider's prefix was taken off already: once is enough.
func (b *Book) findAt(p *provider, name []byte, at time.Time, stripPrefix bool) found {
	if e := p.aliases[string(name)]; e != nil {
		return found{provider: p, entry: e, match: MatchAlias}
	}
	if r, ok := p.lookup(name, at); ok {
		return found{provider: p, entry: r.entry, match: r.match}
	}
	var buf [maxName]byte
	norm, changed := b.normalise(&buf, name, p, stripPrefix)
	if changed {
		if r, ok := p.lookup(norm, at); ok {
			return found{provider: p, entry: r.entry, match: MatchNormalised}
		}
	}
	for _, f := range p.fallback {
		r, ok := f.lookup(name, at)
		if !ok && changed {
			r, ok = f.lookup(norm, at)
		}
		if ok {
			return found{provider: p, entry: r.entry, match: MatchFallback}
		}
	}
	return b.findLoose(p, name)
}

func (b *Book) findLoose(p *provider, name []byte) found {
	for i := range p.loose {
		if p.loose[i].fits(name) {
			if b.strict {
				return found{provider: p, reason: ReasonLooseMatchRefused}
			}
			return found{provider: p, entry: p.loose[i].entry, match: MatchLoose}
		}
	}
	return found{provider: p, reason: ReasonUnknownModel}
}

// lookup finds a name that an entry lists, or one with a date that an entry
// allows, if that day has come.
func (p *provider) lookup(name []byte, at time.Time) (ref, bool) {
	if r, ok := p.names[string(name)]; ok {
		return r, true
	}
	if base, day, ok := cutDate(name); ok {
		if e := p.dated[string(base)]; e != nil && day <= dayOf(at) {
			return ref{e, MatchDated}, true
		}
	}
	return ref{}, false
}
