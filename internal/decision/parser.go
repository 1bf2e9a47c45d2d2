package decision

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// parser reads one JSON text (RFC 8259) of valid UTF-8. encoding/json would read
// it too, but takes the last of two members of one name; BenchmarkParse has both.
type parser struct {
	raw  []byte
	at   int
	path []segment // to the value being read; put into words only by an error
}

type segment struct {
	name  string
	index int // of an array's item; -1 of a member
}

var (
	errEnds   = errors.New("the JSON ends too early")
	errNoJSON = errors.New("is no JSON")
)

// where is the path of the value being read, "" of the body.
func (p *parser) where() string {
	var b strings.Builder
	for _, s := range p.path {
		b.WriteByte('/')
		if s.index >= 0 {
			b.WriteString(strconv.Itoa(s.index))
		} else {
			b.WriteString(s.name)
		}
	}
	return clip(b.String())
}

// fail says where reading stopped.
func (p *parser) fail() error {
	err := errNoJSON
	if p.at >= len(p.raw) {
		err = errEnds
	}
	if len(p.path) == 0 {
		return fmt.Errorf("the body is not JSON: at byte %d: %w", p.at, err)
	}
	return fmt.Errorf("%s: at byte %d: %w", p.where(), p.at, err)
}

func (p *parser) space() {
	for p.at < len(p.raw) {
		switch p.raw[p.at] {
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return
		}
	}
}

// peek returns the next byte that is no space, 0 at the end.
func (p *parser) peek() byte {
	if p.space(); p.at < len(p.raw) {
		return p.raw[p.at]
	}
	return 0
}

func (p *parser) value(depth int) (any, error) {
	switch c := p.peek(); {
	case c == '{' || c == '[':
		if depth >= maxDepth {
			return nil, errTooDeep
		}
		if c == '{' {
			return p.object(depth)
		}
		return p.array(depth)
	case c == '"':
		return p.text()
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	default:
		return p.word()
	}
}

func (p *parser) word() (any, error) {
	for _, w := range [...]struct {
		text  string
		value any
	}{{"true", true}, {"false", false}, {"null", nil}} {
		if end := p.at + len(w.text); end <= len(p.raw) && string(p.raw[p.at:end]) == w.text {
			p.at = end
			return w.value, nil
		}
	}
	return nil, p.fail()
}

func (p *parser) object(depth int) (any, error) {
	m := map[string]any{}
	p.at++
	if p.peek() == '}' {
		p.at++
		return m, nil
	}
	for {
		if p.peek() != '"' {
			return nil, p.fail()
		}
		name, err := p.text()
		if err != nil {
			return nil, err
		}
		p.path = append(p.path, segment{name, -1})
		if _, twice := m[name]; twice {
			return nil, fmt.Errorf("%s: the member is named twice", p.where())
		}
		if p.peek() != ':' {
			return nil, p.fail()
		}
		p.at++
		if m[name], err = p.value(depth + 1); err != nil {
			return nil, err
		}
		p.path = p.path[:len(p.path)-1]
		if done, err := p.next('}'); done || err != nil {
			return m, err
		}
	}
}

func (p *parser) array(depth int) (any, error) {
	list := []any{}
	p.at++
	if p.peek() == ']' {
		p.at++
		return list, nil
	}
	for {
		p.path = append(p.path, segment{index: len(list)})
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		p.path = p.path[:len(p.path)-1]
		list = append(list, v)
		if done, err := p.next(']'); done || err != nil {
			return list, err
		}
	}
}

// next steps over a comma, or over the end.
func (p *parser) next(end byte) (done bool, err error) {
	switch p.peek() {
	case end:
		p.at++
		return true, nil
	case ',':
		p.at++
		return false, nil
	default:
		return true, p.fail()
	}
}

func (p *parser) text() (string, error) {
	start, escaped := p.at, false
	for p.at++; p.at < len(p.raw); p.at++ {
		switch c := p.raw[p.at]; {
		case c == '"':
			p.at++
			if !escaped {
				return string(p.raw[start+1 : p.at-1]), nil
			}
			var out string
			if json.Unmarshal(p.raw[start:p.at], &out) != nil {
				p.at = start
				return "", p.fail()
			}
			return out, nil
		case c == '\\':
			escaped = true
			p.at++
		case c < ' ':
			return "", p.fail()
		}
	}
	p.at = len(p.raw) // an escape may have stepped over it
	return "", p.fail()
}

func (p *parser) digits() bool {
	from := p.at
	for p.at < len(p.raw) && p.raw[p.at] >= '0' && p.raw[p.at] <= '9' {
		p.at++
	}
	return p.at > from
}

func (p *parser) is(chars ...byte) bool {
	for _, c := range chars {
		if p.at < len(p.raw) && p.raw[p.at] == c {
			p.at++
			return true
		}
	}
	return false
}

func (p *parser) number() (any, error) {
	start := p.at
	p.is('-')
	if !p.is('0') && !p.digits() {
		return nil, p.fail()
	}
	if p.is('.') && !p.digits() {
		return nil, p.fail()
	}
	if p.is('e', 'E') {
		p.is('+', '-')
		if !p.digits() {
			return nil, p.fail()
		}
	}
	return json.Number(p.raw[start:p.at]), nil
}
