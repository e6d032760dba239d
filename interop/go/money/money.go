// Package money makes credits that the official issuer's public key verifies.
package money

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"

	"github.com/openpcc/openpcc/anonpay"
	"github.com/openpcc/openpcc/anonpay/currency"
)

// Mint is an issuer and the payee it makes credits for.
type Mint struct {
	issuer *anonpay.Issuer
	payee  *anonpay.Payee
}

// Open reads the issuer's private key: PKCS#1 in PEM, after a comment perhaps.
func Open(path string) (*Mint, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("issuer key: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("issuer key %s has no PEM block", path)
	}
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("issuer key %s: %w", path, err)
	}
	return fromKey(key)
}

func fromKey(key *rsa.PrivateKey) (*Mint, error) {
	issuer, err := anonpay.NewIssuer(key)
	if err != nil {
		return nil, fmt.Errorf("issuer key: %w", err)
	}
	return &Mint{issuer: issuer, payee: anonpay.NewPayee(&key.PublicKey)}, nil
}

// Issuer is the side that signs.
func (m *Mint) Issuer() *anonpay.Issuer { return m.issuer }

// Payee is the side that receives.
func (m *Mint) Payee() *anonpay.Payee { return m.payee }

// Credit makes a credit the way a bank and its customer do: the issuer does not see what it signs.
func (m *Mint) Credit(ctx context.Context, value currency.Value) (*anonpay.BlindedCredit, error) {
	state, err := m.payee.BeginBlindedCredit(ctx, value)
	if err != nil {
		return nil, fmt.Errorf("begin a credit: %w", err)
	}
	signature, err := m.issuer.BlindSign(ctx, state.Request())
	if err != nil {
		return nil, fmt.Errorf("sign a credit: %w", err)
	}
	credit, err := state.Finalize(signature)
	if err != nil {
		return nil, fmt.Errorf("finish a credit: %w", err)
	}
	return credit, nil
}

// RoundUp is the least amount a credit can have that is not below the given one.
func RoundUp(amount int64) (currency.Value, error) {
	return currency.Rounded(float64(amount), 1)
}

// RoundFairly is one of the two amounts beside the given one that a credit can have, the nearer one more often, so that
// nothing is gained or lost over many.
func RoundFairly(amount float64) (currency.Value, error) {
	chance, err := currency.RandFloat64()
	if err != nil {
		return currency.Value{}, err
	}
	return currency.Rounded(amount, chance)
}
