package client

import (
	"context"
	"errors"
	"sync"

	"github.com/openpcc/openpcc/ahttp"
	"github.com/openpcc/openpcc/anonpay"
	official "github.com/openpcc/openpcc/anonpay/wallet"
	authclient "github.com/openpcc/openpcc/auth/client"
	"github.com/openpcc/openpcc/auth/credentialing"

	"openpcc.invalid/interop/money"
)

// wallet pays with credits that are made when they are needed, and remembers how the last payment ended.
type wallet struct {
	mint *money.Mint

	mu   sync.Mutex
	last *payment
}

type payment struct {
	wallet *wallet
	credit *anonpay.BlindedCredit
	refund *int64 // Nil until there is one.
}

func (w *wallet) BeginPayment(ctx context.Context, amount int64) (official.Payment, error) {
	value, err := money.RoundUp(amount)
	if err != nil {
		return nil, err
	}
	credit, err := w.mint.Credit(ctx, value)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = &payment{wallet: w, credit: credit}
	return w.last, nil
}

func (w *wallet) Status() official.Status            { return official.Status{} }
func (w *wallet) SetDefaultCreditAmount(int64) error { return nil }
func (w *wallet) Close(context.Context) error        { return nil }

// begin forgets the payment of the request before.
func (w *wallet) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = nil
}

// refund is what came back of the last payment, nil for nothing.
func (w *wallet) refund() *int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.last == nil {
		return nil
	}
	return w.last.refund
}

func (p *payment) Credit() *anonpay.BlindedCredit { return p.credit }
func (p *payment) Cancel() error                  { return nil }

// Success takes the refund if it is money: signed by the issuer, and an amount.
func (p *payment) Success(refund *anonpay.UnblindedCredit) error {
	if refund == nil {
		return nil
	}
	if err := p.wallet.mint.Payee().VerifyCredit(context.Background(), refund); err != nil {
		return err
	}
	amount, err := refund.Value().Amount()
	if err != nil {
		return err
	}
	p.wallet.mu.Lock()
	defer p.wallet.mu.Unlock()
	p.refund = &amount
	return nil
}

// authClient gives what an account would: the credits that manifests cost, and the badge.
type authClient struct {
	mint  *money.Mint
	badge credentialing.Badge
}

var errNoAccount = errors.New("there are no accounts in these tests")

func (a *authClient) RemoteConfig() authclient.RemoteConfig { return authclient.RemoteConfig{} }

func (a *authClient) GetAttestationToken(ctx context.Context) (*anonpay.BlindedCredit, error) {
	return a.mint.Credit(ctx, ahttp.AttestationCurrencyValue)
}

func (a *authClient) GetCredit(context.Context, int64) (*anonpay.BlindedCredit, error) {
	return nil, errNoAccount
}

func (a *authClient) PutCredit(context.Context, *anonpay.BlindedCredit) error { return errNoAccount }

func (a *authClient) GetBadge(context.Context) (credentialing.Badge, error) { return a.badge, nil }

func (a *authClient) Payee() *anonpay.Payee { return a.mint.Payee() }
