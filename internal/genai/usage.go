package genai

// stated holds counts as an emitter states them, before anyone knows whether
// its input includes what was cached.
type stated struct {
	in, out, total             Count
	read, write, write1h       Count
	reason, noCache            Count
	audioIn, audioOut, audioRd Count
	imageIn, imageOut, web     Count
	extraIn                    Count // beside the prompt, as Gemini counts tool prompts
}

// proof is what the numbers of one span say about its emitter.
type proof uint8

const (
	proofNone proof = iota
	proofInclusive
	proofExclusive
)

// habit is how an emitter is known to count.
type habit struct {
	cache     proof // proofNone: not known
	reasoning proof // proofExclusive: beside the output
	estimated bool  // the counts are guesses; no arithmetic may be built on them
}

// statedCounts reads the attributes that every emitter shares.
func (r *reader) statedCounts() stated {
	u := stated{
		in: r.n(nInput), out: r.n(nOutput), total: r.n(nTotal),
		read: r.n(nRead), write: r.n(nWrite), write1h: r.n(nWrite1h),
		reason: r.n(nReasoning), noCache: r.n(nNoCache),
		audioIn: r.n(nAudioInput), audioOut: r.n(nAudioOutput), audioRd: r.n(nAudioCached),
		imageIn: r.n(nImageInput), imageOut: r.n(nImageOutput), web: r.n(nWebSearches),
	}
	u.splitWrite(r.n(nWrite5m), r.n(nWrite1h))
	return u
}

// splitWrite takes the two lifetimes of cache writes, whose sum is the write.
func (u *stated) splitWrite(m5, h1 Count) {
	u.write1h = h1
	if !u.write.Known && (m5.Known || h1.Known) {
		u.write = Counted(m5.N + h1.N)
	}
}

func (u *stated) any() bool {
	return u.in.Known || u.out.Known || u.read.Known || u.write.Known || u.reason.Known
}

// prove looks for arithmetic that shows whether the input includes the cache.
func (u *stated) prove() proof {
	cached := u.read.N + u.write.N
	if !u.in.Known || cached == 0 {
		return proofNone
	}
	if cached > u.in.N {
		return proofExclusive
	}
	if u.total.Known && u.out.Known {
		beside := u.in.N + cached + u.out.N
		if u.total.N == beside || (u.reason.N > 0 && u.total.N == beside+u.reason.N) {
			return proofExclusive
		}
	}
	if u.noCache.Known && u.noCache.N+cached == u.in.N {
		return proofInclusive
	}
	return proofNone
}

// reasoningBeside reports whether reasoning was counted beside the output.
func (u *stated) reasoningBeside(h habit) bool {
	if !u.reason.Known || u.reason.N == 0 || !u.out.Known {
		return false
	}
	if u.reason.N > u.out.N {
		return true
	}
	if u.total.Known && u.in.Known {
		if t := u.in.N + u.out.N + u.reason.N; u.total.N == t || u.total.N == t+u.read.N+u.write.N {
			return true
		}
		if u.total.N == u.in.N+u.out.N {
			return false
		}
	}
	return h.reasoning == proofExclusive
}

// account turns stated counts into canonical ones and says how.
func (u *stated) account(h habit) (Usage, Accounting, proof) {
	c := Usage{
		Input: u.in, Output: u.out, CacheRead: u.read, CacheWrite: u.write, CacheWrite1h: u.write1h,
		Reasoning: u.reason, AudioInput: u.audioIn, AudioOutput: u.audioOut, AudioCached: u.audioRd,
		ImageInput: u.imageIn, ImageOutput: u.imageOut, WebSearches: u.web,
	}
	if !c.Any() || c.nothing() {
		return Usage{}, AccountingNone, proofNone
	}
	if h.estimated {
		c.Estimated = true
		return c.checked(), AccountingAssumed, proofNone
	}
	p := u.prove()
	verdict := p
	if verdict == proofNone {
		verdict = h.cache
	}
	acc := AccountingInclusive
	switch {
	case verdict == proofExclusive:
		acc = AccountingExclusive
		c.addCache()
	case verdict == proofNone && !u.indifferent():
		acc = AccountingAssumed
	}
	if c.Input.Known && u.extraIn.Known {
		c.Input.N += u.extraIn.N
	}
	if u.reasoningBeside(h) {
		c.Output.N += u.reason.N
	}
	return c.checked(), acc, p
}

// indifferent: nothing was cached, so both readings give the same input.
func (u *stated) indifferent() bool {
	return u.read.Known && u.write.Known && u.read.N+u.write.N == 0
}

// nothing reports whether every count that is stated is 0. No call reads no
// prompt: some emitters write zeros where the server sent no usage.
func (u *Usage) nothing() bool {
	return u.Input.N|u.Output.N|u.CacheRead.N|u.CacheWrite.N|u.Reasoning.N|u.WebSearches.N == 0
}

// addCache turns an exclusive input into a total.
func (u *Usage) addCache() {
	if u.Input.Known {
		u.Input.N += u.CacheRead.N + u.CacheWrite.N
	}
}

// checked drops or flags what contradicts itself. A part larger than its whole
// is never clamped: nothing may be charged from it.
func (u Usage) checked() Usage {
	if u.Input.Known && u.CacheRead.N+u.CacheWrite.N > u.Input.N && !u.Estimated {
		u.Invalid = true
	}
	if u.Output.Known && u.Reasoning.N > u.Output.N {
		u.Invalid = true
	}
	if u.CacheWrite1h.N > u.CacheWrite.N {
		u.CacheWrite1h = Count{}
	}
	return u
}
