// Package shard says which of several collectors owns a session: the same one to
// which the loadbalancing exporter of the gateway in front of them sends its
// spans. A collector that does not own a session has not seen what it spent, and
// must not answer for it.
//
// The ring is that of opentelemetry-collector-contrib's loadbalancing exporter
// with a static resolver, version 0.161: each collector has 200 points on a circle
// of 131,071 positions, and a key belongs to the next point at or after its own
// position. Positions are CRC-32 (IEEE): of the endpoint followed by the point's
// number as 32 bits, little-endian; of "name=value|" for a routing attribute.
//
// It has no clock and no connection. A Ring is immutable and safe for concurrent
// use.
package shard

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"

	"github.com/spanwarden/spanwarden/internal/attr"
)

const (
	positions   = 131_071
	pointsEach  = 200
	probes      = 10 // how far a point is moved where its position is taken
	defaultPort = "4317"
)

// Ring is a set of collectors.
type Ring struct {
	points []point // by position
}

type point struct {
	at, hash uint32
	endpoint string
}

// MaxCollectors bounds a ring: beyond it points no longer find a place.
const MaxCollectors = 256

// New makes the ring of the collectors, named as the gateway's exporter names
// them: host, or host:port. Their order does not matter.
func New(endpoints []string) (*Ring, error) {
	if len(endpoints) == 0 {
		return nil, errors.New("at least one collector must be named")
	}
	if len(endpoints) > MaxCollectors {
		return nil, fmt.Errorf("at most %d collectors, not %d", MaxCollectors, len(endpoints))
	}
	var wanted []point
	seen := map[string]bool{}
	for _, e := range endpoints {
		if e == "" || seen[WithPort(e)] {
			return nil, fmt.Errorf("each collector must be named once, not %q", e)
		}
		seen[WithPort(e)] = true
		wanted = append(wanted, pointsOf(e)...)
	}
	slices.SortFunc(wanted, func(a, b point) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.hash, b.hash), cmp.Compare(a.endpoint, b.endpoint))
	})
	return &Ring{place(wanted)}, nil
}

func pointsOf(endpoint string) []point {
	points := make([]point, pointsEach)
	for i := range points {
		h := crc32.ChecksumIEEE(binary.LittleEndian.AppendUint32([]byte(endpoint), uint32(i)))
		points[i] = point{at: h % positions, hash: h, endpoint: endpoint}
	}
	return points
}

// place gives each point a position of its own, and none where it finds none.
func place(wanted []point) []point {
	taken := make(map[uint32]bool, len(wanted))
	placed := make([]point, 0, len(wanted))
	for _, p := range wanted {
		tries := 0
		for ; taken[p.at] && tries < probes; tries++ {
			p.at = (p.at + 1) % positions
		}
		if tries == probes {
			continue
		}
		taken[p.at] = true
		placed = append(placed, p)
	}
	slices.SortFunc(placed, func(a, b point) int { return cmp.Compare(a.at, b.at) })
	return placed
}

// Owner returns the collector that owns a routing key, as New was given its name.
func (r *Ring) Owner(key string) string {
	at := crc32.ChecksumIEEE([]byte(attr.RoutingKey+"="+key+"|")) % positions
	i, _ := slices.BinarySearchFunc(r.points, at, func(p point, at uint32) int { return cmp.Compare(p.at, at) })
	if i == len(r.points) {
		i = 0
	}
	return r.points[i].endpoint
}

// Has tells whether the collector is on the ring.
func (r *Ring) Has(endpoint string) bool {
	return slices.ContainsFunc(r.points, func(p point) bool { return p.endpoint == endpoint })
}

// WithPort adds OTLP's default port where a name has none.
func WithPort(endpoint string) string {
	if strings.Contains(endpoint, ":") {
		return endpoint
	}
	return endpoint + ":" + defaultPort
}
