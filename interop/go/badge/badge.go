// Package badge is the role of the office that signs badges, which say what models a user may ask.
package badge

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"flag"
	"fmt"
	"strings"

	"github.com/openpcc/openpcc/auth/credentialing"

	"openpcc.invalid/interop/cli"
)

// The seed of the key that signs when no other is named: 32 bytes of no secret.
var defaultSeed = strings.Repeat("b4", ed25519.SeedSize)

// Run prints one badge, or the public key that verifies it.
func Run(args []string) error {
	flags := flag.NewFlagSet("badge", flag.ContinueOnError)
	models := flags.String("models", "", "comma-separated models")
	seed := flags.String("seed", defaultSeed, "seed of the Ed25519 key, 64 hexadecimal digits")
	forge := flags.Bool("forge", false, "alter one bit of the signature")
	publicKey := flags.Bool("public-key", false, "print the public key: base64 of PEM")
	if err := cli.ParseAll(flags, args); err != nil {
		return err
	}
	bytes, err := hex.DecodeString(*seed)
	if err != nil || len(bytes) != ed25519.SeedSize {
		return cli.Usagef("badge: --seed takes 64 hexadecimal digits")
	}
	key := ed25519.NewKeyFromSeed(bytes)
	if *publicKey {
		return printPublicKey(key)
	}
	if *models == "" {
		return cli.Usagef("badge: --models is missing")
	}
	return printBadge(key, strings.Split(*models, ","), *forge)
}

func printPublicKey(key ed25519.PrivateKey) error {
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	fmt.Println(base64.StdEncoding.EncodeToString(text))
	return nil
}

func printBadge(key ed25519.PrivateKey, models []string, forge bool) error {
	badge := credentialing.Badge{Credentials: credentialing.Credentials{Models: models}}
	signed, err := badge.Credentials.MarshalBinary()
	if err != nil {
		return cli.Usagef("badge: %v", err)
	}
	badge.Signature = ed25519.Sign(key, signed)
	if forge {
		badge.Signature[0] ^= 1
	}
	text, err := badge.Serialize()
	if err != nil {
		return err
	}
	fmt.Println(text)
	return nil
}
