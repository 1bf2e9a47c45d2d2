package journal

import (
	"bytes"
	"errors"
	"hash/crc32"
	"strconv"
)

// A line of the log and a snapshot end with a checksum of what stands before it:
// a digest with a wrong digit is JSON like any other.
const sumMember = `,"sum":`

var errSum = errors.New("its checksum is wrong")

// checked adds the checksum to a JSON object that has a member.
func checked(object []byte) []byte {
	body := object[:len(object)-1]
	out := append(bytes.Clone(body), sumMember...)
	out = strconv.AppendUint(out, uint64(crc32.ChecksumIEEE(body)), 10)
	return append(out, '}')
}

// unchecked takes the checksum off. What was written before there was one has
// none.
func unchecked(raw []byte) ([]byte, error) {
	at := bytes.LastIndex(raw, []byte(sumMember))
	if at < 0 {
		return raw, nil
	}
	digits, ok := bytes.CutSuffix(raw[at+len(sumMember):], []byte("}"))
	sum, err := strconv.ParseUint(string(digits), 10, 32)
	if !ok || err != nil || uint32(sum) != crc32.ChecksumIEEE(raw[:at]) {
		return nil, errSum
	}
	return append(bytes.Clone(raw[:at]), '}'), nil
}
