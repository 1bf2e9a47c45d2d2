package anchor

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Limits bound what is read of a place.
type Limits struct {
	// PerLog is how many of a log's newest checkpoints are read where each is an
	// object or a commit; 0 is all. One stands for all before it.
	PerLog int
	Now    time.Time // signs requests
}

// Read reads what collectors anchored at a place: a directory, git+URL[#branch] or
// a git repository on this disk, s3://bucket[/prefix][?endpoint=…&region=…]. What
// was left out because of a limit is said in notes.
func Read(ctx context.Context, place string, l Limits) (held []Held, notes []string, err error) {
	switch {
	case strings.HasPrefix(place, "s3://"):
		s, err := s3Of(place)
		if err != nil {
			return nil, nil, err
		}
		return s.read(ctx, l)
	case strings.HasPrefix(place, "git+"):
		remote, branch, _ := strings.Cut(strings.TrimPrefix(place, "git+"), "#")
		return readGit(ctx, remote, branch, l)
	}
	info, err := os.Stat(place)
	if err != nil {
		return nil, nil, err
	}
	if !info.IsDir() {
		return nil, nil, fmt.Errorf("%s: is no directory", place)
	}
	if repository(place) {
		return readGit(ctx, place, "", l)
	}
	held, err = readDirectory(place)
	return held, nil, err
}

// repository tells whether a directory is a git repository or a checkout of one.
func repository(dir string) bool {
	if _, err := os.Stat(filepath.Join(dir, ".git")); err == nil {
		return true
	}
	_, head := os.Stat(filepath.Join(dir, "HEAD"))
	_, objects := os.Stat(filepath.Join(dir, "objects"))
	return head == nil && objects == nil
}

func s3Of(place string) (*S3, error) {
	u, err := url.Parse(place)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("%s: want s3://bucket[/prefix][?endpoint=URL&region=NAME]", place)
	}
	s := &S3{
		Client: &http.Client{Timeout: time.Minute}, Bucket: u.Host, Prefix: strings.Trim(u.Path, "/"),
		Endpoint: first(os.Getenv("AWS_ENDPOINT_URL_S3"), os.Getenv("AWS_ENDPOINT_URL")), Region: first(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION")),
	}
	for k, v := range u.Query() {
		switch k {
		case "endpoint":
			s.Endpoint = v[0]
		case "region":
			s.Region = v[0]
		default:
			return nil, fmt.Errorf("%s: what is %q? Known are endpoint and region", place, k)
		}
	}
	return s, nil
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
