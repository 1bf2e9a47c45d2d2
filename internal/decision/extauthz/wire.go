package extauthz

import (
	"errors"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// The protocol buffers of envoy.service.auth.v3 as far as they are used: a few
// fields of one request and one answer, which need no generated package and no
// module that brings the whole of Envoy's API.

// Service and Method name the call.
const (
	Service = "envoy.service.auth.v3.Authorization"
	Method  = "Check"
)

var errWire = errors.New("no CheckRequest")

// fields visits the fields of a message: bytes of a length-delimited one, else
// nil.
func fields(b []byte, visit func(num int32, v []byte) error) error {
	for len(b) > 0 {
		num, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return errWire
		}
		b = b[n:]
		var v []byte
		if kind == protowire.BytesType {
			v, n = protowire.ConsumeBytes(b)
		} else {
			n = protowire.ConsumeFieldValue(num, kind, b)
		}
		if n < 0 {
			return errWire
		}
		b = b[n:]
		if kind == protowire.BytesType {
			if err := visit(int32(num), v); err != nil {
				return err
			}
		}
	}
	return nil
}

// maxHeaders bounds how many headers are taken.
const maxHeaders = 1000

var errHeaders = errors.New("too many headers")

// wire collects what a CheckRequest says.
type wire struct {
	check      Check
	headers    map[string]string
	extensions map[string]string
	principal  string
}

// ParseCheck reads a CheckRequest. agentHeader names the agent where the peer has
// no identity; a context extension spanwarden-agent does before it.
func ParseCheck(raw []byte, agentHeader string) (*Check, error) {
	w := &wire{headers: map[string]string{}, extensions: map[string]string{}}
	err := fields(raw, func(num int32, v []byte) error {
		if num != 1 {
			return nil
		}
		return w.attributes(v)
	})
	if err != nil {
		return nil, err
	}
	c := &w.check
	c.Header = func(name string) string { return w.headers[strings.ToLower(name)] }
	c.BodyCut = c.Header("X-Envoy-Auth-Partial-Body") == "true"
	if strings.HasPrefix(w.principal, "spiffe://") {
		c.SPIFFE = w.principal
	}
	if c.Agent = w.extensions["spanwarden-agent"]; c.Agent == "" {
		c.Agent = c.Header(agentHeader)
	}
	if c.Method == "" || c.Host == "" {
		return nil, errWire
	}
	return c, nil
}

// attributes reads an AttributeContext.
func (w *wire) attributes(b []byte) error {
	return fields(b, func(num int32, v []byte) error {
		switch num {
		case 1: // source
			return fields(v, func(num int32, v []byte) error {
				if num == 4 {
					w.principal = string(v)
				}
				return nil
			})
		case 4: // request
			return fields(v, func(num int32, v []byte) error {
				if num == 2 {
					return fields(v, w.http)
				}
				return nil
			})
		case 10: // context_extensions
			return pair(v, w.extensions)
		}
		return nil
	})
}

// http reads one field of an HttpRequest.
func (w *wire) http(num int32, v []byte) error {
	c := &w.check
	switch num {
	case 2:
		c.Method = string(v)
	case 3:
		return pair(v, w.headers)
	case 4:
		c.Path = string(v)
	case 5:
		c.Host = string(v)
	case 6:
		c.Scheme = string(v)
	case 11, 12: // body, raw_body
		c.Body = v
	case 13: // header_map
		return fields(v, func(num int32, v []byte) error {
			if num != 1 {
				return nil
			}
			return headerValue(v, w.headers)
		})
	}
	return nil
}

// pair reads an entry of a map of strings.
func pair(b []byte, into map[string]string) error {
	var key, value string
	err := fields(b, func(num int32, v []byte) error {
		switch num {
		case 1:
			key = string(v)
		case 2:
			value = string(v)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return put(into, key, value)
}

func headerValue(b []byte, into map[string]string) error {
	var key, value string
	err := fields(b, func(num int32, v []byte) error {
		switch num {
		case 1:
			key = string(v)
		case 2, 3: // value, raw_value
			value = string(v)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return put(into, key, value)
}

// put joins headers sent twice, as HTTP does: the one that a rule would like is
// not picked out.
func put(into map[string]string, key, value string) error {
	if len(into) >= maxHeaders {
		return errHeaders
	}
	key = strings.ToLower(key)
	if old, twice := into[key]; twice {
		value = old + "," + value
	}
	into[key] = value
	return nil
}

// The codes of gRPC that an answer uses.
const (
	codeOK               = 0
	codePermissionDenied = 7
)

// AppendAllowed appends a CheckResponse that lets the request pass, with a header
// for the upstream.
func AppendAllowed(b []byte, header, value string) []byte {
	b = appendStatus(b, codeOK)
	ok := appendMessage(nil, 2, headerOption(header, value))
	return appendMessage(b, 3, ok)
}

// AppendDenied appends a CheckResponse that answers the request.
func AppendDenied(b []byte, status uint64, header, value string, body []byte) []byte {
	b = appendStatus(b, codePermissionDenied)
	code := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), status)
	denied := appendMessage(nil, 1, code)
	denied = appendMessage(denied, 2, headerOption("content-type", "application/json"))
	denied = appendMessage(denied, 2, headerOption(header, value))
	denied = appendMessage(denied, 3, body)
	return appendMessage(b, 2, denied)
}

func appendStatus(b []byte, code uint64) []byte {
	var status []byte
	if code != 0 {
		status = protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), code)
	}
	return appendMessage(b, 1, status)
}

func headerOption(key, value string) []byte {
	h := appendMessage(nil, 1, []byte(key))
	return appendMessage(nil, 1, appendMessage(h, 2, []byte(value)))
}

func appendMessage(b []byte, num protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, num, protowire.BytesType), v)
}
