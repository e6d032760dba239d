// Package machine is a computer with a TPM, in memory, set up the way the official development node does it: an
// attestation key, a storage key, and under that the request encryption key (REK), which only works while the boot
// measurements stay what they are.
package machine

import (
	"fmt"
	"sync"

	"github.com/cloudflare/circl/kem"
	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
	"github.com/google/go-tpm/tpm2/transport/simulator"
	"github.com/google/go-tpm/tpmutil"
	"github.com/openpcc/openpcc/attestation/evidence"
	"github.com/openpcc/openpcc/tpm"
)

// Where the official development node keeps its keys, and what proves where the REK comes from.
const (
	rekHandle     = tpmutil.Handle(0x81000000)
	akHandle      = tpmutil.Handle(0x81000003)
	primaryHandle = tpmutil.Handle(0x81010001)
	ticketIndex   = tpmutil.Handle(0x01c0000a)
	hashIndex     = tpmutil.Handle(0x01c0000b)
)

// Machine is safe for concurrent use; there is one simulator in a process, so there should be one Machine too.
type Machine struct {
	mu      sync.Mutex // A TPM does one thing at a time.
	tpm     transport.TPMCloser
	pcrs    map[uint32][]byte
	rek     kem.PublicKey
	rekName tpm2.TPM2BName
}

// New starts the simulator and makes the keys.
func New() (*Machine, error) {
	device, err := simulator.OpenSimulator()
	if err != nil {
		return nil, fmt.Errorf("TPM simulator: %w", err)
	}
	m := &Machine{tpm: device}
	if err := m.makeKeys(); err != nil {
		_ = device.Close() // The first error is the one to tell.
		return nil, err
	}
	return m, nil
}

// Close stops the simulator.
func (m *Machine) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.tpm.Close()
}

// PublicKey is the public half of the REK.
func (m *Machine) PublicKey() kem.PublicKey { return m.rek }

func (m *Machine) makeKeys() error {
	if err := m.makeAttestationKey(); err != nil {
		return fmt.Errorf("attestation key: %w", err)
	}
	if err := m.makeREK(); err != nil {
		return fmt.Errorf("REK: %w", err)
	}
	return nil
}

func (m *Machine) makeAttestationKey() error {
	scheme := tpm2.TPMTRSAScheme{
		Scheme:  tpm2.TPMAlgRSASSA,
		Details: tpm2.NewTPMUAsymScheme(tpm2.TPMAlgRSASSA, &tpm2.TPMSSigSchemeRSASSA{HashAlg: tpm2.TPMAlgSHA256}),
	}
	template := tpm2.TPMTPublic{
		Type:    tpm2.TPMAlgRSA,
		NameAlg: tpm2.TPMAlgSHA256,
		ObjectAttributes: tpm2.TPMAObject{
			FixedTPM: true, FixedParent: true, SensitiveDataOrigin: true, UserWithAuth: true, NoDA: true,
			Restricted: true, SignEncrypt: true,
		},
		Parameters: tpm2.NewTPMUPublicParms(tpm2.TPMAlgRSA, &tpm2.TPMSRSAParms{Scheme: scheme, KeyBits: 2048}),
	}
	created, err := tpm2.CreatePrimary{PrimaryHandle: tpm2.TPMRHOwner, InPublic: tpm2.New2B(template)}.Execute(m.tpm)
	if err != nil {
		return err
	}
	return m.persist(created.ObjectHandle, akHandle)
}

func (m *Machine) makeREK() error {
	primary, err := tpm.CreateECCPrimaryKey(m.tpm)
	if err != nil {
		return fmt.Errorf("storage key: %w", err)
	}
	m.pcrs, err = tpm.PCRRead(m.tpm, evidence.AttestPCRSelection)
	if err != nil {
		return fmt.Errorf("boot measurements: %w", err)
	}
	policy, err := tpm.GetTPMPCRPolicyDigest(m.tpm, m.pcrs)
	if err != nil {
		return fmt.Errorf("policy: %w", err)
	}
	created, loaded, err := tpm.CreateECCEncryptionKey(m.tpm, primary.ObjectHandle, *policy)
	if err != nil {
		return err
	}
	if err := m.persist(primary.ObjectHandle, primaryHandle); err != nil {
		return err
	}
	if err := m.persist(loaded.ObjectHandle, rekHandle); err != nil {
		return err
	}
	if err := tpm.WriteToNVRamNoAuth(m.tpm, ticketIndex, tpm2.Marshal(created.CreationTicket)); err != nil {
		return fmt.Errorf("creation ticket: %w", err)
	}
	if err := tpm.WriteToNVRamNoAuth(m.tpm, hashIndex, tpm2.Marshal(created.CreationHash)); err != nil {
		return fmt.Errorf("creation hash: %w", err)
	}
	return m.readREK()
}

// persist gives a loaded key its place and frees the memory it was loaded into.
func (m *Machine) persist(loaded tpm2.TPMHandle, place tpmutil.Handle) error {
	if err := tpm.PersistObject(m.tpm, tpmutil.Handle(loaded), place); err != nil {
		return err
	}
	_, err := tpm2.FlushContext{FlushHandle: loaded}.Execute(m.tpm)
	return err
}
