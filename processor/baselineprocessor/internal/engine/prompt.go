package engine

import (
	"encoding/json"
	"strings"
)

// maxPrompt bounds how much of a call's messages is read, in bytes.
const maxPrompt = 256 << 10

type promptMessage struct {
	Role    string          `json:"role"`
	Content json.RawMessage `json:"content"`
	Parts   json.RawMessage `json:"parts"`
}

// userTexts returns what the user said, beyond the first known messages. It reads
// a JSON list of messages with roles, an object with such a list under
// "messages", or plain text, which is one message. whole is false where the text
// was too long to be read.
func userTexts(raw string, known int) (texts []string, whole bool) {
	t := strings.TrimSpace(raw)
	if t == "" || t[0] != '[' && t[0] != '{' {
		if known > 0 || t == "" {
			return nil, true
		}
		return []string{t}, true
	}
	// Counting is cheap; parsing what was parsed before is not.
	if strings.Count(t, `"user"`)+strings.Count(t, `"human"`) <= known {
		return nil, true
	}
	if len(t) > maxPrompt {
		return nil, false
	}
	var list []promptMessage
	if json.Unmarshal([]byte(t), &list) != nil {
		var wrapped struct {
			Messages []promptMessage `json:"messages"`
		}
		if json.Unmarshal([]byte(t), &wrapped) != nil {
			return nil, false
		}
		list = wrapped.Messages
	}
	n := 0
	for i := range list {
		if r := list[i].Role; r != "user" && r != "human" {
			continue
		}
		if n++; n <= known {
			continue
		}
		text := contentText(list[i].Content)
		if text == "" {
			text = contentText(list[i].Parts)
		}
		texts = append(texts, text)
	}
	return texts, true
}

// contentText joins the text of a message: a string, or a list of parts. A part
// that is the response of a tool is not the user's.
func contentText(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	var parts []struct {
		Type    string `json:"type"`
		Text    string `json:"text"`
		Content any    `json:"content"`
	}
	if json.Unmarshal(raw, &parts) != nil {
		return ""
	}
	var all []string
	for _, p := range parts {
		if p.Type != "" && p.Type != "text" && p.Type != "input_text" {
			continue
		}
		if p.Text == "" {
			p.Text, _ = p.Content.(string)
		}
		if p.Text != "" {
			all = append(all, p.Text)
		}
	}
	return strings.Join(all, "\n")
}
