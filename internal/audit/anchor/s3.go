package anchor

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/spanwarden/spanwarden/internal/tlog"
)

// S3 keeps an object for each checkpoint, in any store that speaks the S3 API with
// paths that begin with the bucket. Of Amazon's SDK only the signer is used: two
// requests need no more.
type S3 struct {
	Client   *http.Client
	Endpoint string // https://host[:port]; "" is Amazon's in Region
	Region   string // "" is us-east-1
	Bucket   string
	Prefix   string // of object names, without a slash at its end
	// The keys sign requests. Empty ones are taken from the environment, as
	// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN.
	AccessKeyID, SecretAccessKey, SessionToken string
	// Retain locks each object for so long, in LockMode; 0 does not. The bucket must
	// have object lock.
	Retain   time.Duration
	LockMode string // COMPLIANCE or GOVERNANCE
}

// Modes of object lock.
const (
	Compliance = "COMPLIANCE"
	Governance = "GOVERNANCE"
)

// Kind is of Place.
func (*S3) Kind() string { return "s3" }

// Put makes an object that is never replaced.
func (s *S3) Put(ctx context.Context, c *tlog.Checkpoint, signed string, now time.Time) (uri string, err error) {
	key := s.key(fmt.Sprintf("%s.%d/%020d%s", c.Writer, c.Epoch, c.Size, suffix))
	uri = "s3://" + s.Bucket + "/" + key
	raw, err := encode(signed, now)
	if err != nil {
		return uri, err
	}
	sum := md5.Sum(raw) // object lock asks for it; it protects nothing here
	header := http.Header{"Content-Type": {"application/json"}, "Content-Md5": {base64.StdEncoding.EncodeToString(sum[:])}, "If-None-Match": {"*"}}
	if s.Retain > 0 {
		header.Set("X-Amz-Object-Lock-Mode", s.LockMode)
		header.Set("X-Amz-Object-Lock-Retain-Until-Date", now.Add(s.Retain).UTC().Format(time.RFC3339))
	}
	status, body, err := s.do(ctx, http.MethodPut, key, nil, header, raw, now)
	switch {
	case err != nil:
		return uri, err
	case status/100 == 2:
		return uri, nil
	case status != http.StatusPreconditionFailed:
		return uri, answered(status, body)
	}
	held, err := s.get(ctx, key, "", now)
	if err == nil && !same(held, c) {
		err = errOther
	}
	return uri, err
}

func (s *S3) get(ctx context.Context, key, version string, now time.Time) ([]byte, error) {
	query := url.Values{}
	if version != "" && version != "null" {
		query.Set("versionId", version)
	}
	status, body, err := s.do(ctx, http.MethodGet, key, query, nil, nil, now)
	if err == nil && status != http.StatusOK {
		err = answered(status, body)
	}
	return body, err
}

func (s *S3) key(name string) string {
	if s.Prefix == "" {
		return name
	}
	return strings.Trim(s.Prefix, "/") + "/" + name
}

// do sends a signed request for an object, or for the bucket where key is "".
func (s *S3) do(ctx context.Context, method, key string, query url.Values, header http.Header, body []byte, now time.Time) (int, []byte, error) {
	endpoint := s.Endpoint
	if endpoint == "" {
		endpoint = "https://s3." + s.region() + ".amazonaws.com"
	}
	target, err := url.Parse(endpoint)
	if err != nil {
		return 0, nil, err
	}
	target = target.JoinPath(s.Bucket, key)
	target.RawPath = escape(target.Path)
	target.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20") // as it is signed
	req, err := http.NewRequestWithContext(ctx, method, target.String(), bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	maps.Copy(req.Header, header)
	credentials, err := s.credentials()
	if err != nil {
		return 0, nil, err
	}
	sum := sha256.Sum256(body)
	payload := hex.EncodeToString(sum[:])
	req.Header.Set("X-Amz-Content-Sha256", payload)
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }) // S3 alone is signed so
	if err := signer.SignHTTP(ctx, credentials, req, payload, "s3", s.region(), now); err != nil {
		return 0, nil, fmt.Errorf("signing a request: %w", err)
	}
	return do(s.Client, req)
}

// escape writes a path as it is signed: of what a URL may hold unescaped, S3 takes
// only the unreserved characters so.
func escape(path string) string {
	var b strings.Builder
	for i := range len(path) {
		c := path[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~/", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func (s *S3) region() string {
	if s.Region == "" {
		return "us-east-1"
	}
	return s.Region
}

func (s *S3) credentials() (aws.Credentials, error) {
	c := aws.Credentials{AccessKeyID: s.AccessKeyID, SecretAccessKey: s.SecretAccessKey, SessionToken: s.SessionToken}
	if c.AccessKeyID == "" && c.SecretAccessKey == "" {
		c = aws.Credentials{
			AccessKeyID: os.Getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY"), SessionToken: os.Getenv("AWS_SESSION_TOKEN"),
		}
	}
	if c.AccessKeyID == "" || c.SecretAccessKey == "" {
		return c, errors.New("no credentials: neither access_key_id and secret_access_key nor AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are given")
	}
	return c, nil
}
