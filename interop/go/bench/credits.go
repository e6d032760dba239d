package bench

import (
	"context"
	"flag"
	"fmt"
	"syscall"
	"time"

	"github.com/openpcc/openpcc/anonpay"
	"github.com/openpcc/openpcc/anonpay/noncelocking"
	"github.com/openpcc/openpcc/anonpay/noncelocking/inmem"

	"openpcc.invalid/interop/cli"
	"openpcc.invalid/interop/money"
)

// The amount of the credits that are checked; what it is makes no difference.
const checkedAmount = 1024

// RunCreditCheck prints how much of a processor the official router's credit check takes: signature and nonce, and the
// end of the transaction.
func RunCreditCheck(args []string) error {
	flags := flag.NewFlagSet("credit-check", flag.ContinueOnError)
	issuerKey := flags.String("issuer-key", "", "file of the issuer's private key")
	count := flags.Int("count", 300, "credits to check")
	if err := cli.ParseAll(flags, args, "issuer-key"); err != nil {
		return err
	}
	if *count < 1 {
		return cli.Usagef("credit-check: --count must be positive")
	}
	mint, err := money.Open(*issuerKey)
	if err != nil {
		return err
	}
	value, err := money.RoundUp(checkedAmount)
	if err != nil {
		return err
	}
	ctx := context.Background()
	credits := make([]*anonpay.BlindedCredit, *count)
	for i := range credits {
		if credits[i], err = mint.Credit(ctx, value); err != nil {
			return err
		}
	}
	processor := anonpay.NewProcessor(mint.Issuer(), noncelocking.FromTicketLocker(inmem.NewNonceLocker()))
	begin, err := processorTime()
	if err != nil {
		return err
	}
	for _, credit := range credits {
		transaction, err := processor.BeginTransaction(ctx, credit)
		if err != nil {
			return fmt.Errorf("begin a transaction: %w", err)
		}
		if err := transaction.Commit(); err != nil {
			return fmt.Errorf("commit a transaction: %w", err)
		}
	}
	end, err := processorTime()
	if err != nil {
		return err
	}
	cli.Emit(cli.Event{"milliseconds_per_check": float64(end-begin) / float64(time.Millisecond) / float64(*count)})
	return nil
}

// processorTime is what this process has used of its processors so far.
func processorTime() (time.Duration, error) {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0, err
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano()), nil
}
