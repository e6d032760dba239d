package machine

import (
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/cloudflare/circl/hpke"
	"github.com/cloudflare/circl/kem"
	"github.com/google/go-tpm/tpm2"
	"github.com/openpcc/openpcc/tpm"
	tpmhpke "github.com/openpcc/openpcc/tpm/hpke"
	"github.com/openpcc/twoway"
)

func (m *Machine) readREK() error {
	answer, err := tpm2.ReadPublic{ObjectHandle: tpm2.TPMHandle(rekHandle)}.Execute(m.tpm)
	if err != nil {
		return err
	}
	public, err := answer.OutPublic.Contents()
	if err != nil {
		return err
	}
	m.rekName = answer.Name
	m.rek, err = tpmhpke.Pub(public)
	return err
}

// Receiver opens requests sealed to the REK. The private key stays in the TPM.
func (m *Machine) Receiver() (*twoway.MultiRequestReceiver, error) {
	return twoway.NewMultiRequestReceiverWithCustomSuite(suite{m}, 0, nil, rand.Reader)
}

// sharedPoint is the one step of HPKE that needs the private key.
func (m *Machine) sharedPoint(key *tpmhpke.ECDHZGenKeyInfo, point tpm2.TPM2BECCPoint) (shared []byte, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	session, closeSession, err := tpm.PCRPolicySession(m.tpm, m.pcrs)
	if err != nil {
		return nil, fmt.Errorf("policy session: %w", err)
	}
	defer func() { err = errors.Join(err, closeSession()) }()
	return tpmhpke.ECDHZGen(m.tpm, session, key, point)
}

// suite is HPKE for twoway whose receivers work with the TPM.
type suite struct{ machine *Machine }

func (suite) Params() (hpke.KEM, hpke.KDF, hpke.AEAD) { return tpmhpke.SuiteParams() }

// NewSender is never called: a node only receives.
func (suite) NewSender(kem.PublicKey, []byte) (twoway.HPKESender, error) {
	return nil, errors.New("a machine does not send")
}

func (s suite) NewReceiver(_ kem.PrivateKey, info []byte) (twoway.HPKEReceiver, error) {
	key := &tpmhpke.ECDHZGenKeyInfo{PrivKeyHandle: rekHandle, PublicName: s.machine.rekName}
	return receiver{tpmhpke.NewReceiver(s.machine.rek, info, key, s.machine.sharedPoint)}, nil
}

// receiver only differs from what it wraps in the type that Setup returns.
type receiver struct{ tpm *tpmhpke.Receiver }

func (r receiver) Setup(encapsulated []byte) (twoway.HPKEOpener, error) {
	return r.tpm.Setup(encapsulated)
}
