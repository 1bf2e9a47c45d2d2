package main

import (
	"hash/maphash"

	"github.com/spanwarden/spanwarden/processor/baselineprocessor/kernels"
)

// agent is what the processor keeps for one agent about novelty: its tools and
// the arguments of each.
type agent struct {
	tools kernels.Values
	args  map[uint64]*kernels.Values
	ever  kernels.Ever
}

// key is fixed, so that figures repeat.
var key = kernels.HashKey{K0: 1, K1: 2}

// scores are the highest of each kind over the calls of a run.
type scores struct{ all, sideEffects, tool float64 }

var seed = maphash.MakeSeed()

func id(tool, argument string) uint64 {
	return maphash.String(seed, tool+"\x00"+argument)
}

// judge walks a run as the processor walks the spans of a session; learn makes it
// history afterwards.
func (a *agent) judge(p kernels.NoveltyParams, r *run, learn bool) (out scores) {
	var s kernels.NoveltySession
	var used []uint32
	for i := range r.steps {
		st := &r.steps[i]
		if st.tool == "" {
			// Variants repeat the prompt; the first is the user's.
			if !s.Prompted() {
				s.Prompt(key, p, st.prompt)
			}
			continue
		}
		hash := uint32(key.Sum(st.tool))
		surprise, _ := kernels.ToolSurprise(&a.tools, hash)
		v := s.Call(key, p, st.args, .7*surprise, &a.ever, func(argument string) (*kernels.Values, uint64) {
			k := id(st.tool, argument)
			return a.args[k], k
		})
		out.tool = max(out.tool, surprise)
		out.all = max(out.all, v.Score)
		if kernels.HasSideEffect(st.tool) {
			out.sideEffects = max(out.sideEffects, v.Score)
		}
		used = append(used, hash)
		s.Result(key, p, st.value)
	}
	if learn {
		a.learn(p, &s, used, r.day)
	}
	return out
}

func (a *agent) learn(p kernels.NoveltyParams, s *kernels.NoveltySession, used []uint32, day uint16) {
	if a.args == nil {
		a.args = map[uint64]*kernels.Values{}
	}
	distinct := used[:0:0]
	seen := map[uint32]bool{}
	for _, h := range used {
		if !seen[h] {
			seen[h] = true
			distinct = append(distinct, h)
		}
	}
	a.tools.Learn(distinct, false, day)
	a.ever.Learn(p, s.Uses())
	s.Learned(func(argument uint64, hashes []uint32, fromTool bool) {
		v := a.args[argument]
		if v == nil {
			v = &kernels.Values{}
			a.args[argument] = v
		}
		v.Learn(hashes, fromTool, day)
	})
}
