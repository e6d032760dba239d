package codec

import (
	"context"
	"fmt"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
	"github.com/google/go-tpm/tpm2/transport/simulator"
	"github.com/google/go-tpm/tpmutil"
	"github.com/openpcc/openpcc/attestation/attest"
	"github.com/openpcc/openpcc/attestation/evidence"
	"github.com/openpcc/openpcc/tpm"
)

// Where a node of ours keeps its objects; any handles would do, the simulator has nothing else in it.
const (
	akHandle       = tpmutil.Handle(0x81000003)
	rekHandle      = tpmutil.Handle(0x81000000)
	ticketNVHandle = tpmutil.Handle(0x01c0000a)
	hashNVHandle   = tpmutil.Handle(0x01c0000b)
)

// simulatorEvidence is a genuine development list of a node on a fresh TPM: made by the official attestors, in the order that the
// official development verifier expects.
func simulatorEvidence(ctx context.Context, secret []byte) (evidence.SignedEvidenceList, error) {
	device, err := simulator.OpenSimulator()
	if err != nil {
		return nil, err
	}
	defer device.Close()
	if err := makeAttestationKey(device); err != nil {
		return nil, fmt.Errorf("attestation key: %w", err)
	}
	if err := makeRequestEncryptionKey(device); err != nil {
		return nil, fmt.Errorf("request encryption key: %w", err)
	}
	attestors := []attest.Attestor{
		attest.NewTPMTPublicAttestor(device, akHandle, evidence.EvidenceTypeUnspecified), // not to be taken for the REK
		attest.NewCertifyREKCreationAttestor(device, akHandle, rekHandle, ticketNVHandle, hashNVHandle),
		attest.NewTPMQuoteAttestor(device, akHandle),
		attest.NewTPMTPublicAttestor(device, rekHandle, evidence.TpmtPublic),
		attest.NewFakeAttestor(secret),
	}
	var list evidence.SignedEvidenceList
	for _, attestor := range attestors {
		piece, err := attestor.CreateSignedEvidence(ctx)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", attestor.Name(), err)
		}
		list = append(list, piece)
	}
	return list, nil
}

func makeAttestationKey(device transport.TPM) error {
	created, err := tpm2.CreatePrimary{
		PrimaryHandle: tpm2.TPMRHOwner,
		InPublic: tpm2.New2B(tpm2.TPMTPublic{
			Type:    tpm2.TPMAlgRSA,
			NameAlg: tpm2.TPMAlgSHA256,
			ObjectAttributes: tpm2.TPMAObject{
				FixedTPM: true, FixedParent: true, SensitiveDataOrigin: true, UserWithAuth: true, NoDA: true, Restricted: true,
				SignEncrypt: true,
			},
			Parameters: tpm2.NewTPMUPublicParms(tpm2.TPMAlgRSA, &tpm2.TPMSRSAParms{
				Scheme: tpm2.TPMTRSAScheme{
					Scheme:  tpm2.TPMAlgRSASSA,
					Details: tpm2.NewTPMUAsymScheme(tpm2.TPMAlgRSASSA, &tpm2.TPMSSigSchemeRSASSA{HashAlg: tpm2.TPMAlgSHA256}),
				},
				KeyBits: 2048,
			}),
		}),
	}.Execute(device)
	if err != nil {
		return err
	}
	defer flush(device, created.ObjectHandle)
	return tpm.PersistObject(device, tpmutil.Handle(created.ObjectHandle), akHandle)
}

// makeRequestEncryptionKey binds the key to the PCR values of this moment, and leaves the proof of its creation in NV memory, where the
// attestor looks for it.
func makeRequestEncryptionKey(device transport.TPM) error {
	primary, err := tpm.CreateECCPrimaryKey(device)
	if err != nil {
		return err
	}
	defer flush(device, primary.ObjectHandle)
	values, err := tpm.PCRRead(device, evidence.AttestPCRSelection)
	if err != nil {
		return err
	}
	policy, err := tpm.GetTPMPCRPolicyDigest(device, values)
	if err != nil {
		return err
	}
	created, loaded, err := tpm.CreateECCEncryptionKey(device, primary.ObjectHandle, *policy)
	if err != nil {
		return err
	}
	defer flush(device, loaded.ObjectHandle)
	if err := tpm.PersistObject(device, tpmutil.Handle(loaded.ObjectHandle), rekHandle); err != nil {
		return err
	}
	if err := tpm.WriteToNVRamNoAuth(device, ticketNVHandle, tpm2.Marshal(created.CreationTicket)); err != nil {
		return err
	}
	return tpm.WriteToNVRamNoAuth(device, hashNVHandle, tpm2.Marshal(created.CreationHash))
}

// flush frees a transient slot. The simulator goes right after, so that a failure means nothing.
func flush(device transport.TPM, handle tpm2.TPMHandle) {
	_, _ = tpm2.FlushContext{FlushHandle: handle}.Execute(device)
}
