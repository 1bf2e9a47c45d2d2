package storeserver

import "strings"

// statement is what the server must know of a SQL text to run it: nothing about
// its meaning, only where its parts are. Offsets are into the text.
type statement struct {
	verb string // first word, upper case
	// insertEnd is where the head of an INSERT that takes rows from the request
	// ends, and dataAt where rows that stand in the text begin; both -1 for every
	// other statement, an INSERT ... SELECT or ... VALUES among them.
	insertEnd, dataAt int
	format            string // the FORMAT clause, "" if none
	stateful          bool   // changes its connection: SET, USE, temporary tables
	localFile         bool   // FROM INFILE, INTO OUTFILE: a client's business
	waitsForDrop      bool   // DROP ... SYNC, which never returns in this engine
}

// parse looks at the words of a statement outside quotes, comments and
// parentheses. It is a scanner, not a parser: what it cannot know is left to the
// engine, which sees the whole text.
func parse(sql string) statement {
	st := statement{insertEnd: -1, dataAt: -1}
	sc := scanner{sql: sql}
	var before string
	head := -1 // where SETTINGS of an INSERT begins
	for {
		word, at, _ := sc.next()
		if word == "" {
			return st
		}
		switch upper := strings.ToUpper(word); {
		case st.verb == "":
			st.verb = upper
			st.stateful = upper == "SET" || upper == "USE"
		case upper == "TEMPORARY" && st.verb == "CREATE":
			st.stateful = true
		case (upper == "INFILE" && before == "FROM") || (upper == "OUTFILE" && before == "INTO"):
			st.localFile = true
		case st.verb == "DROP" && upper == "SYNC":
			st.waitsForDrop = true
		case st.verb == "INSERT" && (upper == "SELECT" || upper == "WITH" || upper == "VALUES"):
			if upper == "VALUES" {
				return st // rows may follow that are no words
			}
			st.verb = "INSERT SELECT"
		case st.verb == "INSERT" && upper == "SETTINGS" && sc.assigns():
			head = at
		case upper == "FORMAT" && st.verb == "INSERT":
			name, nameAt, nameEnd := sc.next()
			if name == "" || strings.TrimSpace(sql[at+len(word):nameAt]) != "" {
				return st // a column or a table of that name
			}
			if head < 0 {
				head = at
			}
			st.format, st.insertEnd, st.dataAt = name, head, skipBlank(sql, nameEnd)
			return st
		case upper == "FORMAT":
			if name, ok := sc.formatClause(); ok {
				st.format = name
			}
		}
		before = strings.ToUpper(word)
	}
}

// formatClause looks whether what follows the word FORMAT is a format's name and
// the end of the statement, or of its main part: format is a function, and a name
// that columns have, too.
func (s scanner) formatClause() (name string, ok bool) {
	start := s.pos
	name, at, end := s.next()
	if name == "" || strings.TrimSpace(s.sql[start:at]) != "" {
		return "", false
	}
	next, nextAt, _ := s.next()
	between := strings.Trim(s.sql[end:nextAt], " \t\r\n;")
	return name, between == "" && (next == "" || strings.EqualFold(next, "SETTINGS"))
}

// assigns looks whether "name =" follows, as after SETTINGS.
func (s scanner) assigns() bool {
	_, _, end := s.next()
	return strings.HasPrefix(strings.TrimLeft(s.sql[end:], " \t\r\n"), "=")
}

// skipBlank returns where the rows begin after a FORMAT clause: ClickHouse skips
// spaces, one optional semicolon and one line end.
func skipBlank(sql string, i int) int {
	for i < len(sql) && (sql[i] == ' ' || sql[i] == '\t' || sql[i] == '\r') {
		i++
	}
	if i < len(sql) && sql[i] == ';' {
		i++
	}
	for i < len(sql) && (sql[i] == ' ' || sql[i] == '\t' || sql[i] == '\r') {
		i++
	}
	if i < len(sql) && sql[i] == '\n' {
		i++
	}
	return i
}

// scanner yields the words of a text at depth 0.
type scanner struct {
	sql string
	pos int
}

// next returns the next word and where it stands; "" at the end.
func (s *scanner) next() (word string, at, end int) {
	depth := 0
	for s.pos < len(s.sql) {
		c := s.sql[s.pos]
		switch {
		case c == '\'' || c == '"' || c == '`':
			s.quoted(c)
		case strings.HasPrefix(s.sql[s.pos:], "--"):
			s.until("\n")
		case strings.HasPrefix(s.sql[s.pos:], "/*"):
			s.until("*/")
		case c == '(':
			depth++
			s.pos++
		case c == ')':
			depth = max(0, depth-1)
			s.pos++
		case !isWordByte(c):
			s.pos++
		default:
			start := s.pos
			for s.pos < len(s.sql) && isWordByte(s.sql[s.pos]) {
				s.pos++
			}
			if depth == 0 {
				return s.sql[start:s.pos], start, s.pos
			}
		}
	}
	return "", len(s.sql), len(s.sql)
}

func isWordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// quoted skips a literal; a quote inside is doubled or escaped.
func (s *scanner) quoted(quote byte) {
	for s.pos++; s.pos < len(s.sql); s.pos++ {
		switch s.sql[s.pos] {
		case '\\':
			s.pos++
		case quote:
			s.pos++
			return
		}
	}
	s.pos = min(s.pos, len(s.sql))
}

func (s *scanner) until(mark string) {
	i := strings.Index(s.sql[s.pos:], mark)
	if i < 0 {
		s.pos = len(s.sql)
		return
	}
	s.pos += i + len(mark)
}
