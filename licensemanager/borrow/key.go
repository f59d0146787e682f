package borrow

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

const minKeyBits = 2048

// ParsePublicKey parses an issuer's RSA key of at least 2048 bits: a
// SubjectPublicKeyInfo in DER, which is what KMS GetPublicKey returns, or the
// same as one PEM block of type PUBLIC KEY. It returns an error for a
// certificate, because nothing here checks its chain or its dates.
func ParsePublicKey(data []byte) (*rsa.PublicKey, error) {
	if block, rest := pem.Decode(data); block != nil {
		if block.Type != "PUBLIC KEY" {
			return nil, fmt.Errorf("public key: the PEM block is a %s, where a PUBLIC KEY is needed", block.Type)
		}
		if len(bytes.TrimSpace(rest)) > 0 {
			return nil, errors.New("public key: there is more than one PEM block")
		}
		data = block.Bytes
	}
	parsed, err := x509.ParsePKIXPublicKey(data)
	if err != nil {
		return nil, fmt.Errorf("public key: neither PEM nor DER of a SubjectPublicKeyInfo: %w", err)
	}
	key, ok := parsed.(*rsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("public key: a %T, where an RSA key is needed", parsed)
	}
	if err := checkKey(key); err != nil {
		return nil, err
	}
	return key, nil
}

func checkKey(key *rsa.PublicKey) error {
	if key == nil || key.N == nil {
		return errors.New("public key: there is none")
	}
	if bits := key.N.BitLen(); bits < minKeyBits {
		return fmt.Errorf("public key: RSA of %d bits, where at least %d are needed", bits, minKeyBits)
	}
	// With an exponent of 1 everything is a signature of itself.
	if key.E < 3 || key.E%2 == 0 {
		return errors.New("public key: its exponent is not an odd number of at least 3")
	}
	return nil
}
