package anchor

import (
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
)

// listing is what both ways of listing a bucket answer, as far as it matters.
type listing struct {
	Contents              []object `xml:"Contents"`
	Versions              []object `xml:"Version"`
	IsTruncated           bool     `xml:"IsTruncated"`
	NextContinuationToken string   `xml:"NextContinuationToken"`
	NextKeyMarker         string   `xml:"NextKeyMarker"`
	NextVersionIDMarker   string   `xml:"NextVersionIdMarker"`
}

type object struct {
	Key       string `xml:"Key"`
	VersionID string `xml:"VersionId"`
}

// maxObjects bounds how many objects are listed.
const maxObjects = 5_000_000

// read reads every version of the objects, also of those that were deleted or
// replaced since: that is what a lock keeps.
func (s *S3) read(ctx context.Context, l Limits) (held []Held, notes []string, err error) {
	listed, err := s.list(ctx, true, l)
	if err != nil {
		plain, again := s.list(ctx, false, l)
		if again != nil {
			return nil, nil, again
		}
		listed = plain
		notes = append(notes, fmt.Sprintf("s3://%s: versions could not be listed, only what is there now was read: %v", s.Bucket, err))
	}
	objects, left := newestObjects(listed, l.PerLog)
	if left > 0 {
		notes = append(notes, fmt.Sprintf("s3://%s: %d older checkpoints were not read", s.Bucket, left))
	}
	for _, o := range objects {
		raw, err := s.get(ctx, o.Key, o.VersionID, l.Now)
		if err != nil {
			return nil, nil, fmt.Errorf("s3://%s/%s: %w", s.Bucket, o.Key, err)
		}
		some, err := decode(raw, "s3://"+s.Bucket+"/"+o.Key)
		if err != nil {
			return nil, nil, err
		}
		held = append(held, some...)
	}
	return held, notes, nil
}

// newestObjects takes the last of each log, whose names are in order of size.
func newestObjects(objects []object, perLog int) (kept []object, left int) {
	byLog := map[string][]object{}
	for _, o := range objects {
		if strings.HasSuffix(o.Key, suffix) {
			byLog[path.Dir(o.Key)] = append(byLog[path.Dir(o.Key)], o)
		}
	}
	for _, some := range byLog {
		slices.SortFunc(some, func(a, b object) int { return strings.Compare(a.Key, b.Key) })
		if perLog > 0 && len(some) > perLog {
			left += len(some) - perLog
			some = some[len(some)-perLog:]
		}
		kept = append(kept, some...)
	}
	slices.SortFunc(kept, func(a, b object) int { return strings.Compare(a.Key, b.Key) })
	return kept, left
}

// list returns all objects below the prefix, or all versions of them.
func (s *S3) list(ctx context.Context, versions bool, l Limits) ([]object, error) {
	query := url.Values{"prefix": {s.key("")}}
	if versions {
		query.Set("versions", "")
	} else {
		query.Set("list-type", "2")
	}
	var all []object
	for {
		status, body, err := s.do(ctx, http.MethodGet, "", query, nil, nil, l.Now)
		if err != nil {
			return nil, err
		}
		if status != http.StatusOK {
			return nil, fmt.Errorf("listing s3://%s: %w", s.Bucket, answered(status, body))
		}
		var page listing
		if err := xml.Unmarshal(body, &page); err != nil {
			return nil, fmt.Errorf("listing s3://%s: %w", s.Bucket, err)
		}
		all = append(append(all, page.Contents...), page.Versions...)
		switch {
		case len(all) > maxObjects:
			return nil, fmt.Errorf("s3://%s has more than %d objects there; give a longer prefix", s.Bucket, maxObjects)
		case page.IsTruncated && page.NextKeyMarker != "":
			query.Set("key-marker", page.NextKeyMarker)
			query.Set("version-id-marker", page.NextVersionIDMarker)
		case page.IsTruncated && page.NextContinuationToken != "":
			query.Set("continuation-token", page.NextContinuationToken)
		default:
			return all, nil
		}
	}
}
