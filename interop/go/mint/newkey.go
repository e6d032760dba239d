package mint

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"os/exec"
)

const (
	primeBits      = "1024"
	publicExponent = 65537
	keyComment     = "The issuer's key of the interop tests. It is public and signs nothing of worth.\n"
)

// writeNewKey makes the kind of key that partially blind signatures need: both primes safe. OpenSSL finds those in
// seconds; Go's own prime search has no option for them.
func writeNewKey(path string) error {
	p, err := safePrime()
	if err != nil {
		return err
	}
	q, err := safePrime()
	if err != nil {
		return err
	}
	key, err := keyOf(p, q)
	if err != nil {
		return err
	}
	block := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}
	return os.WriteFile(path, append([]byte(keyComment), pem.EncodeToMemory(block)...), 0o644)
}

func safePrime() (*big.Int, error) {
	output, err := exec.Command("openssl", "prime", "-generate", "-safe", "-bits", primeBits).Output()
	if err != nil {
		return nil, fmt.Errorf("openssl prime: %w", err)
	}
	prime, ok := new(big.Int).SetString(string(bytes.TrimSpace(output)), 10)
	if !ok {
		return nil, errors.New("openssl prime printed no number")
	}
	return prime, nil
}

func keyOf(p, q *big.Int) (*rsa.PrivateKey, error) {
	one := big.NewInt(1)
	order := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
	private := new(big.Int).ModInverse(big.NewInt(publicExponent), order)
	if private == nil {
		return nil, errors.New("the public exponent divides the order of the group")
	}
	key := &rsa.PrivateKey{
		PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: publicExponent},
		D:         private,
		Primes:    []*big.Int{p, q},
	}
	key.Precompute()
	return key, key.Validate()
}
