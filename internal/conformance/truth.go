package conformance

// visible is the total that reached the client, or else the total.
func (t *Truth) visible() *Tokens {
	if t.Visible != nil {
		return t.Visible
	}
	return t.Totals
}

func (c *Call) generation() bool {
	return c.HTTPStatus == 200 && !c.embedding()
}

func (c *Call) embedding() bool { return len(c.API) >= 10 && c.API[len(c.API)-10:] == "embeddings" }

// Plus returns the sum of two totals, calls included.
func (t Tokens) Plus(u Tokens) Tokens {
	t.Calls += u.Calls
	t.add(u)
	return t
}

func (t *Tokens) add(u Tokens) {
	t.InputTotal += u.InputTotal
	t.CacheRead += u.CacheRead
	t.CacheWrite += u.CacheWrite
	t.OutputTotal += u.OutputTotal
	t.Reasoning += u.Reasoning
}

// hidden are the calls that the server finished but the client gave up: no usage
// was sent, and no span mentions the response although spans of the same run
// mention others. Nothing can observe them.
func (t *Truth) hidden() []*Call {
	var out []*Call
	mentioned := false
	for i := range t.Calls {
		c := &t.Calls[i]
		mentioned = mentioned || len(c.Spans) > 0
		if c.generation() && !c.UsageSentToClient && c.ResponseID != "" && len(c.Spans) == 0 {
			out = append(out, c)
		}
	}
	if !mentioned {
		return nil
	}
	return out
}

// expectedByAgent is the truth by agent as far as the client could see it. Nil
// where the run names no agents, or where the visible part cannot be split.
func (t *Truth) expectedByAgent() map[string]Tokens {
	return t.expected(t.ByAgent, func(c *Call) string { return c.Agent })
}

func (t *Truth) expectedByModel() map[string]Tokens {
	return t.expected(t.ByModel, func(c *Call) string { return c.RequestModel })
}

func (t *Truth) expected(all map[string]Tokens, key func(*Call) string) map[string]Tokens {
	if len(all) == 0 {
		return nil
	}
	if t.Visible == nil || t.Totals == nil || t.Visible.InputTotal == t.Totals.InputTotal {
		return all
	}
	// The table counts more than the client saw: build it from the calls.
	hidden := map[*Call]bool{}
	for _, c := range t.hidden() {
		hidden[c] = true
	}
	out := map[string]Tokens{}
	for i := range t.Calls {
		c := &t.Calls[i]
		if !c.generation() || hidden[c] {
			continue
		}
		g := out[key(c)]
		g.Calls++
		if c.UsageSentToClient {
			g.add(c.Usage)
		}
		out[key(c)] = g
	}
	return out
}

// foldModels renames response models to the request models that they answered:
// the truth is kept by request model.
func (t *Truth) foldModels(got map[string]Tokens) map[string]Tokens {
	if got == nil {
		return nil
	}
	request := map[string]string{}
	for i := range t.Calls {
		c := &t.Calls[i]
		if c.ResponseModel != "" {
			request[c.ResponseModel] = c.RequestModel
		}
	}
	out := map[string]Tokens{}
	for name, tok := range got {
		if _, known := t.ByModel[name]; !known && request[name] != "" {
			name = request[name]
		}
		out[name] = out[name].Plus(tok)
	}
	return out
}

// foldAgents renames agents to what the truth calls them: some stacks state an
// id beside the name, and the truth may be kept by either.
func (t *Truth) foldAgents(got map[string]Tokens, names map[string]string) map[string]Tokens {
	if got == nil {
		return nil
	}
	out := map[string]Tokens{}
	for id, tok := range got {
		if _, known := t.ByAgent[id]; !known && names[id] != "" {
			id = names[id]
		}
		out[id] = out[id].Plus(tok)
	}
	return out
}
