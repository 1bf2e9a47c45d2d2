package chdb

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"
)

// handle is an opaque pointer of the library.
type handle = uintptr

// library is the part of libchdb's C interface that is used here.
type library struct {
	connect     func(argc int32, argv **byte) *handle
	closeConn   func(conn *handle)
	query       func(conn handle, sql *byte, n uintptr, format *byte, fn uintptr, names **byte, nameLens *uintptr, values **byte, valueLens *uintptr, count uintptr) handle
	buffer      func(res handle) *byte
	length      func(res handle) uintptr
	rowsRead    func(res handle) uint64
	bytesRead   func(res handle) uint64
	storageRows func(res handle) uint64
	errorText   func(res handle) string
	destroy     func(res handle)
}

func loadLibrary(path string) (lib *library, err error) {
	h, err := dlopen(path)
	if err != nil {
		return nil, fmt.Errorf("loading the engine: %w", err)
	}
	// A missing symbol panics in purego; it is bad input here, not a bug.
	defer func() {
		if r := recover(); r != nil {
			lib, err = nil, fmt.Errorf("loading the engine %s: %v", path, r)
		}
	}()
	lib = &library{}
	register(&lib.connect, h, "chdb_connect")
	register(&lib.closeConn, h, "chdb_close_conn")
	register(&lib.query, h, "chdb_query_with_params_n")
	register(&lib.buffer, h, "chdb_result_buffer")
	register(&lib.length, h, "chdb_result_length")
	register(&lib.rowsRead, h, "chdb_result_rows_read")
	register(&lib.bytesRead, h, "chdb_result_bytes_read")
	register(&lib.storageRows, h, "chdb_result_storage_rows_read")
	register(&lib.errorText, h, "chdb_result_error")
	register(&lib.destroy, h, "chdb_destroy_query_result")
	return lib, nil
}

// Param is a query parameter: the value in ClickHouse's escaped text form.
type Param struct{ Name, Value string }

// Result is what a query answered. Body is the caller's own copy.
type Result struct {
	Body                []byte
	RowsRead, BytesRead uint64 // of the result, as the library counts
	StorageRowsRead     uint64 // rows read from tables
}

func cstring(s string) []byte { return append([]byte(s), 0) }

// run executes one statement; the connection must be free.
func (l *library) run(conn *handle, sql, format string, params []Param) (*Result, error) {
	var pin runtime.Pinner
	defer pin.Unpin()
	keep := func(s string) *byte {
		b := cstring(s)
		pin.Pin(&b[0])
		return &b[0]
	}
	n := len(params)
	names, values := make([]*byte, n+1), make([]*byte, n+1)
	nameLens, valueLens := make([]uintptr, n+1), make([]uintptr, n+1)
	for i, p := range params {
		names[i], nameLens[i] = keep(p.Name), uintptr(len(p.Name))
		values[i], valueLens[i] = keep(p.Value), uintptr(len(p.Value))
	}
	res := l.query(*conn, keep(sql), uintptr(len(sql)), keep(format), uintptr(len(format)),
		&names[0], &nameLens[0], &values[0], &valueLens[0], uintptr(n))
	if res == 0 {
		return nil, errors.New("the engine returned no result")
	}
	defer l.destroy(res)
	if text := l.errorText(res); text != "" {
		return nil, &Error{Text: text}
	}
	out := &Result{RowsRead: l.rowsRead(res), BytesRead: l.bytesRead(res), StorageRowsRead: l.storageRows(res)}
	if size := l.length(res); size > 0 {
		out.Body = append([]byte(nil), unsafe.Slice(l.buffer(res), size)...)
	}
	return out, nil
}

// Error is an exception of the engine, in ClickHouse's own words.
type Error struct{ Text string }

func (e *Error) Error() string { return e.Text }
