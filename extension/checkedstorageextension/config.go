package checkedstorageextension

import (
	"errors"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
)

// Config is the configuration of the checked_storage extension.
type Config struct {
	// Storage is the file_storage extension that keeps what is stored. Default
	// file_storage.
	Storage component.ID `mapstructure:"storage"`
	// Directory is that extension's directory. Required.
	Directory string `mapstructure:"directory"`

	_ struct{}
}

var _ confmap.Validator = (*Config)(nil)

// Validate names each key and value that cannot work.
func (c *Config) Validate() error {
	var errs []error
	if c.Storage == (component.ID{}) {
		errs = append(errs, errors.New("storage: want the id of a file_storage extension, not \"\""))
	}
	if c.Directory == "" {
		errs = append(errs, errors.New("directory: want the directory of the file_storage extension, not \"\""))
	}
	return errors.Join(errs...)
}
