package machine

import (
	"context"
	"fmt"

	"github.com/openpcc/openpcc/attestation/attest"
	"github.com/openpcc/openpcc/attestation/evidence"
)

// Evidence is what a client with the same development secret accepts: five pieces, told apart by their place.
func (m *Machine) Evidence(ctx context.Context, secret string) (evidence.SignedEvidenceList, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	attestors := []attest.Attestor{
		attest.NewTPMTPublicAttestor(m.tpm, akHandle, evidence.TpmtPublic),
		attest.NewCertifyREKCreationAttestor(m.tpm, akHandle, rekHandle, ticketIndex, hashIndex),
		attest.NewTPMQuoteAttestor(m.tpm, akHandle),
		attest.NewTPMTPublicAttestor(m.tpm, rekHandle, evidence.TpmtPublic),
		attest.NewFakeAttestor([]byte(secret)),
	}
	list := make(evidence.SignedEvidenceList, 0, len(attestors))
	for _, attestor := range attestors {
		piece, err := attestor.CreateSignedEvidence(ctx)
		if err != nil {
			return nil, fmt.Errorf("evidence of %s: %w", attestor.Name(), err)
		}
		list = append(list, piece)
	}
	// As the official node does, so that nobody takes the first piece for the REK.
	list[0].Type = evidence.EvidenceTypeUnspecified
	return list, nil
}
