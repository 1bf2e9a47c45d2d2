//go:build !unix

package checkedstorageextension

import "os"

// lock does not exclude anybody here: file_storage itself must not be shared.
func lock(*os.File) bool { return true }
