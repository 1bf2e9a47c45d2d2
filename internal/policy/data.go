package policy

import "strings"

// dataFits holds the classes of the data, and where it goes, against the data
// block. Reading is held to read, everything else to write.
func (a *Agent) dataFits(q *Request) (Truth, Fields) {
	t, missing := a.classesFit(q)
	if t == False || !a.data.hasEgress {
		return t, missing
	}
	e, lacking := a.egressFits(q)
	if e == False {
		return False, 0
	}
	return t.And(e), missing | lacking
}

// classesFit holds the classes against the list for what is done; where that is
// not said, against both.
func (a *Agent) classesFit(q *Request) (Truth, Fields) {
	d := &a.data
	side := func(list []string, has bool) (Truth, Fields) {
		if !has {
			return True, 0
		}
		return q.dataWithin(list)
	}
	if q.res.operation != "" && q.res.unknown&FieldOperation == 0 {
		if q.res.op == opRead {
			return side(d.read, d.hasRead)
		}
		return side(d.write, d.hasWrite)
	}
	reads, missing := side(d.read, d.hasRead)
	writes, lacking := side(d.write, d.hasWrite)
	if reads != writes && q.res.unknown&FieldOperation != 0 {
		return Unknown, missing | lacking | FieldOperation
	}
	return reads.And(writes), missing | lacking
}

// egressFits holds the host a resource is at against the domains. A resource
// without a host goes nowhere; sending to what is not known cannot be held.
func (a *Agent) egressFits(q *Request) (Truth, Fields) {
	s := &q.res
	if s.resource == "" || s.unknown&FieldResource != 0 {
		if s.unknown&FieldResource != 0 || s.op == opSend {
			return Unknown, FieldResource
		}
		return True, 0
	}
	out := True
	for i := -1; i < len(s.more); i++ {
		text := s.resource
		if i >= 0 {
			text = s.more[i]
		}
		host, leaves := networkHost(text)
		switch {
		case !leaves:
		case !matchAny(a.data.egress, host):
			return False, 0
		case s.ambiguous:
			out = Unknown
		}
	}
	if out == Unknown {
		return Unknown, FieldResource
	}
	return True, 0
}

// networkSchemes are the schemes whose host is a host of the network; others,
// such as erp://, name things of the operator's own.
var networkSchemes = map[string]bool{
	"http": true, "https": true, "ws": true, "wss": true, "ftp": true, "ftps": true, "sftp": true, "ssh": true,
	"smtp": true, "smtps": true, "git+ssh": true, "tcp": true, "udp": true,
}

// networkHost returns the host of a canonical resource that leaves the machine.
func networkHost(resource string) (string, bool) {
	scheme, rest, ok := strings.Cut(resource, ":")
	if !ok {
		return "", false
	}
	if scheme == "mailto" {
		return rest[strings.LastIndexByte(rest, '@')+1:], true
	}
	rest, ok = strings.CutPrefix(rest, "//")
	if !ok || !networkSchemes[scheme] {
		return "", false
	}
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	if colon := strings.LastIndexByte(rest, ':'); colon >= 0 && !strings.HasSuffix(rest, "]") {
		rest = rest[:colon]
	}
	return rest, true
}

func lower(s string) string { return strings.ToLower(s) }
