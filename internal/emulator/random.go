package emulator

import (
	"crypto/rand"
	"encoding/hex"
	"math/big"
)

const (
	upperAlphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	// userCodeLetters spell no words and are hard to mistake for one another,
	// as RFC 8628 section 6.1 advises.
	userCodeLetters = "BCDFGHJKLMNPQRSTVWXZ"
)

func randomHex(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

func randomText(length int, alphabet string) string {
	text := make([]byte, length)
	for i := range text {
		n, _ := rand.Int(rand.Reader, big.NewInt(int64(len(alphabet)))) // never fails
		text[i] = alphabet[n.Int64()]
	}
	return string(text)
}
