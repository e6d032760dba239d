// Package mint is the role that prints credits, and makes the key they are signed with.
package mint

import (
	"context"
	"flag"
	"fmt"
	"strconv"

	"github.com/openpcc/openpcc/ahttp"
	"github.com/openpcc/openpcc/anonpay/currency"

	"openpcc.invalid/interop/cli"
	"openpcc.invalid/interop/money"
)

// Run prints values of an X-Credit header, one a line and nothing else, as the wallet command of a client has to.
func Run(args []string) error {
	flags := flag.NewFlagSet("mint", flag.ContinueOnError)
	issuerKey := flags.String("issuer-key", "", "file of the issuer's private key")
	newKey := flags.String("new-key", "", "make a private key and write it to this file")
	count := flags.Int("count", 1, "how many credits")
	rest, err := cli.Parse(flags, args)
	if err != nil {
		return err
	}
	if *newKey != "" {
		if *issuerKey != "" || len(rest) > 0 {
			return cli.Usagef("mint: --new-key stands alone")
		}
		return writeNewKey(*newKey)
	}
	if *issuerKey == "" || *count < 1 || len(rest) != 1 {
		return cli.Usagef("usage: mint --issuer-key FILE [--count N] AMOUNT|special, or mint --new-key FILE")
	}
	value, err := parseValue(rest[0])
	if err != nil {
		return err
	}
	issuer, err := money.Open(*issuerKey)
	if err != nil {
		return err
	}
	for range *count {
		credit, err := issuer.Credit(context.Background(), value)
		if err != nil {
			return err
		}
		text, err := credit.MarshalText()
		if err != nil {
			return err
		}
		fmt.Println(string(text))
	}
	return nil
}

func parseValue(text string) (currency.Value, error) {
	if text == "special" {
		return ahttp.AttestationCurrencyValue, nil
	}
	amount, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return currency.Value{}, cli.Usagef("mint: %q is neither an amount nor \"special\"", text)
	}
	value, err := money.RoundUp(amount)
	if err != nil {
		return currency.Value{}, cli.Usagef("mint: %v", err)
	}
	return value, nil
}
