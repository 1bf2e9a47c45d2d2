package genaiprocessor

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"hash"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/genai"
)

// setupDigests writes digests of what an agent was set up with, so that a change of
// prompt or tools shows also where nobody stores content. It is safe for concurrent
// use.
type setupDigests struct {
	key []byte // empty: plain SHA-256
}

// Where emitters put the system instructions and the tools on offer, the standard's
// names first.
var (
	instructionKeys = []string{"gen_ai.system_instructions", "agent.instructions", "system_prompt"}
	toolKeys        = []string{"gen_ai.tool.definitions", "llm.tools", "ai.prompt.tools", "llm.request.functions"}
	// Messages one by one, as their role and text.
	firstMessages = [][2]string{
		{"llm.input_messages.0.message.role", "llm.input_messages.0.message.content"},
		{"gen_ai.prompt.0.role", "gen_ai.prompt.0.content"},
	}
)

func (d *setupDigests) write(it *genai.Item) {
	if it.Action.Kind != genai.KindInference && it.Action.Kind != genai.KindAgent {
		return
	}
	m := it.Span.Attributes()
	prompt := firstText(m, instructionKeys)
	if prompt == "" {
		prompt = systemMessage(m)
	}
	for _, x := range [...][2]string{{attr.PromptDigest, prompt}, {attr.ToolsDigest, firstText(m, toolKeys)}} {
		if x[1] != "" {
			m.PutStr(x[0], d.of(x[1]))
		}
	}
}

// of is the first half of the digest: enough to tell versions apart.
func (d *setupDigests) of(text string) string {
	var h hash.Hash
	name := "sha256:"
	if len(d.key) == 0 {
		h = sha256.New()
	} else {
		h, name = hmac.New(sha256.New, d.key), "hmac-sha256:"
	}
	h.Write([]byte(text))
	return name + hex.EncodeToString(h.Sum(nil)[:sha256.Size/2])
}

func firstText(m pcommon.Map, keys []string) string {
	for _, k := range keys {
		if v, ok := m.Get(k); ok {
			if s := v.AsString(); s != "" && s != "[]" && s != "null" {
				return s
			}
		}
	}
	return ""
}

// systemMessage is the first message where that is the system's.
func systemMessage(m pcommon.Map) string {
	for _, keys := range firstMessages {
		role, _ := m.Get(keys[0])
		content, ok := m.Get(keys[1])
		if ok && isSystem(role.AsString()) {
			return content.AsString()
		}
	}
	v, ok := m.Get("gen_ai.input.messages")
	if !ok {
		return ""
	}
	// Only the first of what may be a long talk is read.
	dec := json.NewDecoder(strings.NewReader(v.AsString()))
	if open, err := dec.Token(); err != nil || open != json.Delim('[') {
		return ""
	}
	var first struct {
		Role    string          `json:"role"`
		Parts   json.RawMessage `json:"parts"`
		Content json.RawMessage `json:"content"`
	}
	if dec.Decode(&first) != nil || !isSystem(first.Role) {
		return ""
	}
	return string(first.Parts) + string(first.Content)
}

func isSystem(role string) bool { return role == "system" || role == "developer" }
