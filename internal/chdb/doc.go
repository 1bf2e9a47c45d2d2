// Package chdb loads ClickHouse's in-process engine (libchdb) without cgo and
// runs queries on it. Install fetches the library; Open boots the engine.
//
// The engine serves one storage path per process. A connection runs one query
// at a time; Engine keeps a bounded pool of them. The library cannot interrupt
// a running query: a cancelled context stops the wait for a free connection,
// but a query that has begun runs to its end.
package chdb
