package tlog

import "golang.org/x/mod/sumdb/tlog"

// ProveConsistency returns the proof (RFC 6962, section 2.1.2) that the tree with
// the newer leaves appended is old and nothing else: old's edge and the leaves
// since are all it takes. It is empty where old is empty or nothing is newer.
func ProveConsistency(old *Tree, newer []Hash) []Hash {
	if old.size == 0 || len(newer) == 0 {
		return nil
	}
	p := prover{old: old, newer: newer}
	return p.subproof(0, old.size+int64(len(newer)), true)
}

// CheckConsistency tells whether the proof leads from one root to the other.
func CheckConsistency(proof []Hash, size int64, root Hash, oldSize int64, oldRoot Hash) error {
	return tlog.CheckTree(proof, size, root, oldSize, oldRoot)
}

type prover struct {
	old   *Tree
	newer []Hash
}

// subproof is SUBPROOF of the RFC over leaves lo to hi, of which those below
// old.size are old. known says that whoever checks has the hash of all old ones
// among them.
func (p *prover) subproof(lo, hi int64, known bool) []Hash {
	if hi == p.old.size {
		if known {
			return nil
		}
		return []Hash{p.hash(lo, hi)}
	}
	k := split(hi - lo)
	if p.old.size <= lo+k {
		return append(p.subproof(lo, lo+k, known), p.hash(lo+k, hi))
	}
	return append(p.subproof(lo+k, hi, false), p.hash(lo, lo+k))
}

// hash is that of leaves lo to hi: a part of the edge, or all new.
func (p *prover) hash(lo, hi int64) Hash {
	if hi <= p.old.size {
		at := int64(0)
		for _, h := range p.old.edge {
			if at == lo {
				return h
			}
			at += largest(p.old.size - at)
		}
	}
	if hi-lo == 1 {
		return p.newer[lo-p.old.size]
	}
	k := split(hi - lo)
	return tlog.NodeHash(p.hash(lo, lo+k), p.hash(lo+k, hi))
}

// split is the largest power of two below n, which is at least 2.
func split(n int64) int64 { return largest(n - 1) }

// largest is the largest power of two that is not above n, which is at least 1.
func largest(n int64) int64 {
	k := int64(1)
	for k<<1 <= n && k<<1 > 0 {
		k <<= 1
	}
	return k
}
