//go:build !unix

package engine

func cpu() int64 { return 0 }
