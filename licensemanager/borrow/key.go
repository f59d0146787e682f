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
// certificate, whose chain and dates it would not check.
func ParsePublicKey(data []byte) (*rsa.PublicKey, error) {
	if block, rest := pem.Decode(data); block != nil {
		if block.Type != "PUBLIC KEY" {
			return nil, fmt.Errorf("borrow: public key: the PEM block is a %s, not a PUBLIC KEY", block.Type)
		}
		if len(bytes.TrimSpace(rest)) > 0 {
			return nil, errors.New("borrow: public key: there is more than one PEM block")
		}
		data = block.Bytes
	}
	parsed, err := x509.ParsePKIXPublicKey(data)
	if err != nil {
		return nil, fmt.Errorf("borrow: public key: neither PEM nor DER of a SubjectPublicKeyInfo: %w", err)
	}
	key, ok := parsed.(*rsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("borrow: public key: a %T, not an RSA key", parsed)
	}
	if err := checkKey(key); err != nil {
		return nil, err
	}
	return key, nil
}

func checkKey(key *rsa.PublicKey) error {
	if key == nil || key.N == nil {
		return errors.New("borrow: public key: the key is nil")
	}
	if bits := key.N.BitLen(); bits < minKeyBits {
		return fmt.Errorf("borrow: public key: RSA of %d bits; at least %d are needed", bits, minKeyBits)
	}
	// With an exponent of 1, every message is its own signature.
	if key.E < 3 || key.E%2 == 0 {
		return errors.New("borrow: public key: its exponent is not an odd number of at least 3")
	}
	return nil
}
