package storeserver

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/ClickHouse/ch-go/compress"
	chproto "github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2/lib/proto"
	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// requestBody undoes the compressions of a request: Content-Encoding outside,
// ClickHouse's own framing (decompress=1) inside.
func requestBody(r *http.Request, values url.Values) (io.Reader, error) {
	var body io.Reader = r.Body
	if r.Body == nil {
		body = http.NoBody
	}
	switch encoding := strings.ToLower(r.Header.Get("Content-Encoding")); encoding {
	case "", "identity":
	case "gzip":
		z, err := gzip.NewReader(body)
		if err != nil {
			return nil, requestError(err)
		}
		body = z
	case "deflate":
		body = &inflater{from: body}
	case "br":
		body = brotli.NewReader(body)
	case "zstd":
		z, err := zstd.NewReader(body, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(256<<20))
		if err != nil {
			return nil, requestError(err)
		}
		body = z
	case "lz4":
		body = lz4.NewReader(body)
	default:
		return nil, exception(codeNotImplemented, "Content-Encoding %q is not supported; use gzip, deflate, br, zstd or lz4", encoding)
	}
	if values.Get("decompress") == "1" {
		body = &frames{from: compress.NewReader(body)}
	}
	return body, nil
}

// inflater reads "deflate", which senders understand as zlib or as raw deflate.
type inflater struct {
	from io.Reader
	z    io.Reader
}

func (d *inflater) Read(p []byte) (int, error) {
	if d.z == nil {
		head := make([]byte, 2)
		n, err := io.ReadFull(d.from, head)
		if n == 0 {
			return 0, err
		}
		rest := io.MultiReader(bytes.NewReader(head[:n]), d.from)
		if n == 2 && head[0]&0x0f == 8 && (int(head[0])<<8|int(head[1]))%31 == 0 {
			if d.z, err = zlib.NewReader(rest); err != nil {
				return 0, err
			}
		} else {
			d.z = flate.NewReader(rest)
		}
	}
	return d.z.Read(p)
}

// frames makes the end of ClickHouse's framing a clean end of file.
type frames struct{ from io.Reader }

func (f *frames) Read(p []byte) (int, error) {
	n, err := f.from.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		return n, fmt.Errorf("reading a compressed block: %w", err)
	}
	if errors.Is(err, io.EOF) {
		err = io.EOF
	}
	return n, err
}

// reply says how an answer is to be written.
type reply struct {
	encoding string // Content-Encoding, "" for none
	framed   bool   // ClickHouse's own framing, compress=1
	native   bool   // the answer is in format Native ...
	revision uint64 // ... and wanted at this protocol revision
}

// choose picks the first supported of the encodings that the client accepts,
// where compression was asked for at all.
func (a *reply) choose(r *http.Request, values url.Values) error {
	a.framed = values.Get("compress") == "1"
	if values.Get("enable_http_compression") != "1" {
		return nil
	}
	for accepted := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, _, _ := strings.Cut(strings.TrimSpace(strings.ToLower(accepted)), ";")
		switch name {
		case "gzip", "deflate", "br", "zstd", "lz4":
			a.encoding = name
			return nil
		}
	}
	return nil
}

// write sends a body, compressed and re-encoded as asked.
func (a *reply) write(w http.ResponseWriter, body []byte) error {
	var out io.WriteCloser = nopCloser{w}
	if a.encoding != "" {
		w.Header().Set("Content-Encoding", a.encoding)
		z, err := encoder(a.encoding, w)
		if err != nil {
			return err
		}
		out = z
	}
	err := a.writePlain(out, body)
	return errors.Join(err, out.Close())
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

func encoder(name string, w io.Writer) (io.WriteCloser, error) {
	switch name {
	case "gzip":
		return gzip.NewWriter(w), nil
	case "deflate":
		return zlib.NewWriter(w), nil
	case "br":
		return brotli.NewWriter(w), nil
	case "zstd":
		return zstd.NewWriter(w)
	default:
		return lz4.NewWriter(w), nil
	}
}

func (a *reply) writePlain(w io.Writer, body []byte) error {
	if a.framed {
		f := &framer{to: w, z: compress.NewWriter(compress.LevelZero, compress.LZ4)}
		w = f
	}
	if !a.native || a.revision == 0 {
		_, err := w.Write(body)
		return err
	}
	return reencode(w, body, a.revision)
}

// reencode turns blocks of the engine, which writes protocol revision 0, into
// blocks of the revision that the client reads.
func reencode(w io.Writer, body []byte, revision uint64) error {
	reader := chproto.NewReader(bytes.NewReader(body))
	for {
		block := proto.NewBlock()
		if err := block.Decode(reader, 0); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return fmt.Errorf("reading a block of the engine: %w", err)
		}
		var buffer chproto.Buffer
		if err := block.Encode(&buffer, revision); err != nil {
			return fmt.Errorf("writing a block at revision %d: %w", revision, err)
		}
		if _, err := w.Write(buffer.Buf); err != nil {
			return err
		}
	}
}

// maxFrame is how much goes into one compressed block, before compression.
const maxFrame = 1 << 20

// framer writes ClickHouse's framing of compressed blocks.
type framer struct {
	to io.Writer
	z  *compress.Writer
}

func (f *framer) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 {
		part := p[:min(len(p), maxFrame)]
		if err := f.z.Compress(part); err != nil {
			return written, err
		}
		if _, err := f.to.Write(f.z.Data); err != nil {
			return written, err
		}
		written += len(part)
		p = p[len(part):]
	}
	return written, nil
}
