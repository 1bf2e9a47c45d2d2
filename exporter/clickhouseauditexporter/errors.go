package clickhouseauditexporter

import (
	"errors"
	"net/http"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/spanwarden/spanwarden/internal/audit/insert"
)

// verdict is what an error of the store means for the batch.
type verdict int

const (
	// tryAgain: the same batch may be taken later.
	tryAgain verdict = iota
	// schemaGone: as tryAgain, and the schema has to be looked at again.
	schemaGone
	// condemned: the store will never take this batch.
	condemned
	// oneRow: some row of it will never be taken, the others may.
	oneRow
)

// verdicts are ClickHouse's error codes that are not simply tried again. Only
// ClickHouse itself condemns a batch: a proxy, a login or a network may be mended.
var verdicts = map[int32]verdict{
	60: schemaGone, // UNKNOWN_TABLE
	81: schemaGone, // UNKNOWN_DATABASE

	6:   condemned, // CANNOT_PARSE_TEXT
	10:  condemned, // NOT_FOUND_COLUMN_IN_BLOCK
	16:  condemned, // NO_SUCH_COLUMN_IN_TABLE
	20:  condemned, // NUMBER_OF_COLUMNS_DOESNT_MATCH
	27:  condemned, // CANNOT_PARSE_INPUT_ASSERTION_FAILED
	36:  condemned, // BAD_ARGUMENTS
	44:  condemned, // ILLEGAL_COLUMN
	47:  condemned, // UNKNOWN_IDENTIFIER
	50:  condemned, // UNKNOWN_TYPE
	53:  condemned, // TYPE_MISMATCH
	62:  condemned, // SYNTAX_ERROR
	70:  condemned, // CANNOT_CONVERT_TYPE
	349: condemned, // CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN

	117: oneRow, // INCORRECT_DATA
	131: oneRow, // TOO_LARGE_STRING_SIZE
	469: oneRow, // VIOLATED_CONSTRAINT
}

// verdictOf reads an error of an insert. What is not known is tried again.
func verdictOf(err error) verdict {
	if native, ok := errors.AsType[*ch.Exception](err); ok {
		return verdicts[int32(native.Code)]
	}
	if exception, ok := errors.AsType[*clickhouse.Exception](err); ok {
		return verdicts[exception.Code]
	}
	if status, ok := errors.AsType[*insert.StatusError](err); ok {
		if status.Exception == 0 && status.Status == http.StatusRequestEntityTooLarge {
			return oneRow // smaller batches may pass
		}
		return verdicts[status.Exception]
	}
	return tryAgain
}
