package alertmanagerexporter

import (
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/spanwarden/spanwarden/internal/finding"
)

func point(n int64, reason string) metricdata.DataPoint[int64] {
	return metricdata.DataPoint[int64]{Value: n, Attributes: attribute.NewSet(attribute.String("reason", reason))}
}

func dropped(evicted, rejected int64) []metricdata.DataPoint[int64] {
	return []metricdata.DataPoint[int64]{point(evicted, reasonEvicted), point(rejected, reasonRejected)}
}

// refused is one for each of the reasons and 0 for the others.
func refused(reasons ...finding.Reason) []metricdata.DataPoint[int64] {
	out := make([]metricdata.DataPoint[int64], 0, len(finding.Reasons()))
	for _, reason := range finding.Reasons() {
		var n int64
		if slices.Contains(reasons, reason) {
			n = 1
		}
		out = append(out, point(n, string(reason)))
	}
	return out
}

func ignoreTime() []metricdatatest.Option {
	return []metricdatatest.Option{metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars()}
}
