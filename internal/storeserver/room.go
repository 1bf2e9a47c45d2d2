package storeserver

import (
	"fmt"
	"strings"
)

// room is what must be free on the disk for a statement that changes the schema.
// The engine writes a table's definition anew for it, in place of the one that is
// there, and on a full disk leaves an empty file: the table cannot be opened again.
const room = 16 << 20

// definitions are the statements that write definitions.
var definitions = map[string]bool{"CREATE": true, "ALTER": true, "RENAME": true, "EXCHANGE": true, "REPLACE": true}

// roomFor refuses a change of the schema on a disk that is all but full. What makes
// room is never refused.
func (s *Server) roomFor(verb, sql string) error {
	if s.opts.Free == nil || !definitions[verb] || strings.Contains(strings.ToUpper(sql), "DROP PARTITION") {
		return nil
	}
	free, err := s.opts.Free()
	if err != nil {
		return fmt.Errorf("asking how much of the disk is free: %w", err)
	}
	if free < room {
		return exception(codeNotEnoughSpace, "%d bytes are free on the store's disk; a change of the schema wants %d, since the engine spoils a table's definition where it cannot write it", free, room)
	}
	return nil
}
