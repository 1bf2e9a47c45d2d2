package policy

import (
	"slices"
	"strings"
)

// opSet is a set of operations, one bit each in the order of operationNames.
type opSet uint16

const (
	opRead opSet = 1 << iota
	opWrite
	opDelete
	opExecute
	opSend
	opDelegate
	opInvokeModel
	opAdmin
)

// The operations that have a meaning of their own in this package.
const (
	OpDelegate    = "delegate"
	OpInvokeModel = "invoke_model"
)

var operationNames = []string{"read", "write", "delete", "execute", "send", OpDelegate, OpInvokeModel, "admin"}

func opBit(name string) opSet {
	for i, n := range operationNames {
		if n == name {
			return 1 << i
		}
	}
	return 0
}

// Operations returns the closed vocabulary of operations.
func Operations() []string { return slices.Clone(operationNames) }

// OperationOf folds the name of a protocol's method into the vocabulary: a word
// of the vocabulary itself, an HTTP request method, a method of the Model
// Context Protocol or an SQL verb. ok is false for what has no fixed meaning,
// as tools/call, which its catalog entry must explain.
func OperationOf(method string) (operation string, ok bool) {
	if opBit(method) != 0 {
		return method, true
	}
	switch strings.ToUpper(method) {
	case "GET", "HEAD", "OPTIONS", "SELECT", "FIND", "AGGREGATE", "COUNT", "SCAN", "QUERY":
		return "read", true
	case "POST", "PUT", "PATCH", "INSERT", "UPDATE", "UPSERT", "MERGE":
		return "write", true
	case "DELETE", "DROP", "TRUNCATE":
		return "delete", true
	}
	switch method {
	case "resources/read", "completion/complete", "server/discover", "subscriptions/listen", "initialize", "ping":
		return "read", true
	}
	if strings.HasSuffix(method, "/list") || strings.HasSuffix(method, "/get") {
		return "read", true
	}
	return "", false
}
