package alertmanagerexporter

import (
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
)

func dropped(n int64, reason string) []metricdata.DataPoint[int64] {
	return []metricdata.DataPoint[int64]{{Value: n, Attributes: attribute.NewSet(attribute.String("reason", reason))}}
}

func refused(reasons ...string) []metricdata.DataPoint[int64] {
	var out []metricdata.DataPoint[int64]
	for _, reason := range reasons {
		out = append(out, dropped(1, reason)...)
	}
	return out
}

func ignoreTime() []metricdatatest.Option {
	return []metricdatatest.Option{metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars()}
}
