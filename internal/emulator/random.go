package emulator

import (
	"crypto/rand"
	"encoding/hex"
	"math/big"
)

// userCodeLetters spell no words and are hard to mistake for one another, as RFC
// 8628 section 6.1 advises.
const userCodeLetters = "BCDFGHJKLMNPQRSTVWXZ"

func randomHex(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

func randomUserCode() string {
	code := make([]byte, 8)
	for i := range code {
		n, _ := rand.Int(rand.Reader, big.NewInt(int64(len(userCodeLetters)))) // never fails
		code[i] = userCodeLetters[n.Int64()]
	}
	return string(code[:4]) + "-" + string(code[4:])
}
