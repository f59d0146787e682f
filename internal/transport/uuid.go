package transport

import (
	"crypto/rand"
	"encoding/hex"
)

// NewUUID returns a random UUID, version 4 of RFC 9562.
func NewUUID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	var text [36]byte
	rest := text[:0]
	for i, b := range id {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			rest = append(rest, '-')
		}
		rest = hex.AppendEncode(rest, []byte{b})
	}
	return string(rest)
}
