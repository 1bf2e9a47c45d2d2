package parquetfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/spanwarden/spanwarden/evidence"
)

// cell is a type of the store as Parquet has it: the Go type, its tags, and how a
// value of the driver becomes one.
type cell struct {
	typ  reflect.Type
	tag  string // after the column's name
	tags string // further struct tags
	conv func(v any) (reflect.Value, error)
	// null tells that NULL may be there.
	null bool
}

func (c *cell) set(into reflect.Value, v any) error {
	if v == nil {
		if c.null {
			return nil
		}
		return errors.New("NULL in a column that has none")
	}
	value, err := c.conv(v)
	if err != nil {
		return err
	}
	if c.null {
		p := reflect.New(c.typ.Elem())
		p.Elem().Set(value)
		value = p
	}
	into.Set(value)
	return nil
}

var (
	wrapped  = regexp.MustCompile(`^(LowCardinality|Nullable)\((.*)\)$`)
	decimals = regexp.MustCompile(`^Decimal\((\d+), ?(\d+)\)$`)
	times    = regexp.MustCompile(`^DateTime(?:64\((\d)(?:, ?'[^']*')?\)|\('[^']*'\))?$`)
	arrays   = regexp.MustCompile(`^Array\((.*)\)$`)
)

// cellOf reads the name of a type as the store gives it. What Parquet has no type
// for, or this program none that is worth its while, is text: as JSON where it is
// composed.
func cellOf(name string) cell {
	null := false
	for m := wrapped.FindStringSubmatch(name); m != nil; m = wrapped.FindStringSubmatch(name) {
		null = null || m[1] == "Nullable"
		name = m[2]
	}
	c := plainCell(name)
	if null {
		c.typ, c.tag, c.null = reflect.PointerTo(c.typ), ",optional"+c.tag, true
	}
	return c
}

var kinds = map[string]reflect.Type{
	"UInt8": reflect.TypeFor[uint8](), "UInt16": reflect.TypeFor[uint16](), "UInt32": reflect.TypeFor[uint32](), "UInt64": reflect.TypeFor[uint64](),
	"Int8": reflect.TypeFor[int8](), "Int16": reflect.TypeFor[int16](), "Int32": reflect.TypeFor[int32](), "Int64": reflect.TypeFor[int64](),
	"Float32": reflect.TypeFor[float32](), "Float64": reflect.TypeFor[float64](), "Bool": reflect.TypeFor[bool](), "String": reflect.TypeFor[string](),
}

func plainCell(name string) cell {
	if t, ok := kinds[name]; ok {
		return cell{typ: t, conv: same(t)}
	}
	if m := decimals.FindStringSubmatch(name); m != nil {
		return decimalCell(m[1], m[2])
	}
	if m := times.FindStringSubmatch(name); m != nil {
		return cell{typ: reflect.TypeFor[time.Time](), tag: ",timestamp(" + precision(m[1]) + ")", conv: same(reflect.TypeFor[time.Time]())}
	}
	if name == "Date" || name == "Date32" {
		return cell{typ: reflect.TypeFor[int32](), tag: ",date", conv: days}
	}
	if m := arrays.FindStringSubmatch(name); m != nil {
		if e := cellOf(m[1]); !e.null && e.typ.Kind() != reflect.Slice && e.tags == "" && e.tag != ",json" {
			return arrayCell(&e)
		}
	}
	// A map too: the library writes a Go map in another order each time, and the same
	// answer must be the same file.
	if strings.HasPrefix(name, "Array(") || strings.HasPrefix(name, "Map(") || strings.HasPrefix(name, "Tuple(") {
		return cell{typ: reflect.TypeFor[string](), tag: ",json", conv: asJSON}
	}
	return cell{typ: reflect.TypeFor[string](), conv: func(v any) (reflect.Value, error) { return reflect.ValueOf(evidence.Text(v, "")), nil }}
}

func precision(digits string) string {
	switch n, _ := strconv.Atoi(digits); {
	case n > 6:
		return "nanosecond"
	case n > 3:
		return "microsecond"
	default:
		return "millisecond"
	}
}

// same takes a value of the driver as it is, or of a type of the same kind.
func same(t reflect.Type) func(any) (reflect.Value, error) {
	return func(v any) (reflect.Value, error) {
		rv := reflect.ValueOf(v)
		if !rv.CanConvert(t) {
			return rv, fmt.Errorf("want %s, not %T", t, v)
		}
		return rv.Convert(t), nil
	}
}

func days(v any) (reflect.Value, error) {
	t, ok := v.(time.Time)
	if !ok {
		return reflect.Value{}, fmt.Errorf("want a day, not %T", v)
	}
	y, m, d := t.Date()
	return reflect.ValueOf(int32(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400)), nil
}

func asJSON(v any) (reflect.Value, error) {
	raw, err := json.Marshal(evidence.Plain(v))
	return reflect.ValueOf(string(raw)), err
}

func arrayCell(e *cell) cell {
	element := ""
	if e.tag != "" {
		element = fmt.Sprintf(` parquet-element:%q`, e.tag)
	}
	list := reflect.SliceOf(e.typ)
	return cell{typ: list, tag: ",list", tags: element, conv: func(v any) (reflect.Value, error) {
		from := reflect.ValueOf(v)
		if from.Kind() != reflect.Slice {
			return from, fmt.Errorf("want a list, not %T", v)
		}
		into := reflect.MakeSlice(list, from.Len(), from.Len())
		for i := range from.Len() {
			value, err := e.conv(from.Index(i).Interface())
			if err != nil {
				return into, err
			}
			into.Index(i).Set(value)
		}
		return into, nil
	}}
}

// decimalCell keeps all digits: the unscaled integer in as many bytes as the
// precision needs, two's complement, big end first.
func decimalCell(precision, scale string) cell {
	p, _ := strconv.Atoi(precision) // digits, the expression says so
	s, _ := strconv.Atoi(scale)
	most := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(p)), nil)
	size := most.BitLen()/8 + 1
	typ := reflect.ArrayOf(size, reflect.TypeFor[byte]())
	return cell{typ: typ, tag: fmt.Sprintf(",decimal(%d:%d)", s, p), conv: func(v any) (reflect.Value, error) {
		n, err := unscaled(evidence.Text(v, ""), s)
		if err != nil {
			return reflect.Value{}, err
		}
		if n.Sign() < 0 {
			n.Add(n, new(big.Int).Lsh(big.NewInt(1), uint(8*size)))
		}
		into := reflect.New(typ).Elem()
		n.FillBytes(into.Slice(0, size).Bytes())
		return into, nil
	}}
}

func unscaled(text string, scale int) (*big.Int, error) {
	whole, fraction, _ := strings.Cut(text, ".")
	if len(fraction) > scale {
		return nil, fmt.Errorf("decimal %s has more than %d digits behind the point", text, scale)
	}
	n, ok := new(big.Int).SetString(whole+fraction+strings.Repeat("0", scale-len(fraction)), 10)
	if !ok {
		return nil, fmt.Errorf("%q is no decimal", text)
	}
	return n, nil
}
