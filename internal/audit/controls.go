package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/spanwarden/spanwarden/evidence/catalogue"
)

// controlsVersion is the step that fills control_catalogue, after all questions.
const controlsVersion = 11_000

// controls is the step that fills control_catalogue from the catalogue's data and
// the headers of its questions. Rows are never changed: other data are the next
// mapping_version, and what was mapped before stays to be read. A control for
// which there is no question is a row all the same.
func (o *Options) controls() (Step, error) {
	frameworks, err := catalogue.Frameworks()
	if err != nil {
		return Step{}, err
	}
	queries, err := catalogue.List()
	if err != nil {
		return Step{}, err
	}
	rows := controlRows(frameworks, queries)
	sum := sha256.Sum256([]byte(rows))
	digest := hex.EncodeToString(sum[:])
	return Step{
		Version: controlsVersion, Name: "filling table control_catalogue", current: true, Checksum: digest,
		SQL: o.render(fmt.Sprintf(fillControls, digest, rows, digest)),
	}, nil
}

// fillControls adds nothing where the newest mapping is this one already.
const fillControls = `INSERT INTO {db}.control_catalogue
    (framework, framework_version, control_id, official_id, title, relevance, query, mapping_version, mapping_digest)
SELECT
    framework, framework_version, control_id, official_id, title, relevance, arrayJoin(queries),
    (SELECT max(mapping_version) + 1 FROM {db}.control_catalogue{all}), '%s'
FROM values('framework String, framework_version String, control_id String, official_id String, title String, relevance String, queries Array(String)',
%s)
WHERE (SELECT argMax(mapping_digest, mapping_version) FROM {db}.control_catalogue{all}) != '%s'`

func controlRows(frameworks []catalogue.Framework, queries []catalogue.Query) string {
	var rows []string
	for i := range frameworks {
		f := &frameworks[i]
		for _, c := range f.Controls {
			var by []string
			for j := range queries {
				if slices.Contains(queries[j].Controls, c.ID) {
					by = append(by, sqlText(queries[j].ID))
				}
			}
			if len(by) == 0 {
				by = []string{"''"}
			}
			rows = append(rows, fmt.Sprintf("(%s, %s, %s, %s, %s, %s, [%s])",
				sqlText(f.ID), sqlText(f.Version), sqlText(c.ID), sqlText(c.Official), sqlText(c.Title), sqlText(c.Agents), strings.Join(by, ", ")))
		}
	}
	return strings.Join(rows, ",\n")
}

// sqlText is a string of ClickHouse's SQL.
func sqlText(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}
