package storeserver

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/spanwarden/spanwarden/internal/chdb"
)

// ClickHouse's own error codes, as far as this server raises or maps them.
const (
	codeBadArguments         = 36
	codeUnknownTable         = 60
	codeSyntaxError          = 62
	codeNotImplemented       = 48
	codeTimeoutExceeded      = 159
	codeQueryTooLarge        = 229
	codeNotEnoughSpace       = 243
	codeAuthenticationFailed = 516
	codeCannotDecompress     = 271
	codeTooManyBytes         = 307
)

var codeNames = map[int]string{
	codeBadArguments: "BAD_ARGUMENTS", codeNotImplemented: "NOT_IMPLEMENTED", codeQueryTooLarge: "QUERY_IS_TOO_LARGE",
	codeAuthenticationFailed: "AUTHENTICATION_FAILED", codeCannotDecompress: "CANNOT_DECOMPRESS",
	codeTooManyBytes: "TOO_MANY_BYTES", codeTimeoutExceeded: "TIMEOUT_EXCEEDED",
	codeNotEnoughSpace: "NOT_ENOUGH_SPACE",
}

// exception is an error in ClickHouse's form, which its clients parse.
func exception(code int, format string, args ...any) error {
	return &chdb.Error{Text: fmt.Sprintf("Code: %d. DB::Exception: %s. (%s)", code, fmt.Sprintf(format, args...), codeNames[code])}
}

// codeOf reads the code of an exception, 0 where it states none.
func codeOf(err error) int {
	e, worded := errors.AsType[*chdb.Error](err)
	if !worded {
		return 0
	}
	_, after, ok := strings.Cut(e.Text, "Code: ")
	if !ok {
		return 0
	}
	digits, _, _ := strings.Cut(after, ".")
	code, err := strconv.Atoi(digits)
	if err != nil {
		return 0
	}
	return code
}

// httpStatus is the status with which a ClickHouse server answers a code.
func httpStatus(code int) int {
	switch code {
	case 192, 193, 194, 497, codeAuthenticationFailed:
		return http.StatusForbidden
	case 6, 25, 26, 27, 33, codeBadArguments, 38, 41, 42, 43, 53, codeSyntaxError, 69, 70, 72, 117, codeCannotDecompress, 456, 457:
		return http.StatusBadRequest
	case 46, 47, 50, 56, codeUnknownTable, 63, 73, 78, 81, 115:
		return http.StatusNotFound
	case codeQueryTooLarge, codeTooManyBytes:
		return http.StatusRequestEntityTooLarge
	case codeNotImplemented:
		return http.StatusNotImplemented
	case codeTimeoutExceeded:
		return http.StatusRequestTimeout
	default:
		return http.StatusInternalServerError
	}
}
