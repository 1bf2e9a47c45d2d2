package novelty

import "strings"

// reading are the verbs that begin the names of tools which change nothing.
var reading = map[string]bool{
	"get": true, "list": true, "read": true, "search": true, "find": true, "view": true, "show": true, "fetch": true,
	"query": true, "check": true, "lookup": true, "look": true, "describe": true, "count": true, "retrieve": true,
	"browse": true, "inspect": true, "compare": true, "calculate": true, "compute": true, "summarize": true,
	"select": true, "is": true, "has": true, "verify": true, "validate": true, "explain": true, "analyze": true,
	"recall": true, "peek": true, "head": true, "ls": true, "cat": true, "grep": true, "glob": true, "stat": true,
}

// means are words before the verb that say by what it is done.
var means = map[string]bool{
	"http": true, "https": true, "api": true, "web": true, "rest": true, "db": true, "sql": true, "fs": true, "file": true, "files": true,
}

// HasSideEffect guesses from a tool's name alone whether it changes anything:
// unless its first word is a verb of reading, it does. It is asked only where the
// span does not name the operation.
func HasSideEffect(tool string) bool {
	if i := strings.LastIndexByte(tool, '/'); i >= 0 {
		tool = tool[i+1:]
	}
	first, rest, _ := strings.Cut(strings.ToLower(strings.ReplaceAll(splitCamel(tool), "-", "_")), "_")
	if means[first] && rest != "" {
		first, _, _ = strings.Cut(rest, "_")
	}
	return !reading[first]
}

// splitCamel turns the first capital within a word into a border: readFile is
// read_File.
func splitCamel(s string) string {
	for i := 1; i < len(s); i++ {
		if s[i] >= 'A' && s[i] <= 'Z' && s[i-1] >= 'a' && s[i-1] <= 'z' {
			return s[:i] + "_" + s[i:]
		}
	}
	return s
}
