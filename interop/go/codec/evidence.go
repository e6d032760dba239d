package codec

import (
	"context"

	"github.com/openpcc/openpcc/attestation/evidence"
	"github.com/openpcc/openpcc/attestation/verify"
	pb "github.com/openpcc/openpcc/gen/protos/evidence"
	"openpcc.invalid/interop/machine"
)

// pieceJSON has the type's number on the wire; the official constants are numbered otherwise.
type pieceJSON struct {
	Type      int32    `json:"type"`
	Data      hexBytes `json:"data"`
	Signature hexBytes `json:"signature"`
}

type evidenceJSON []pieceJSON

func (e evidenceJSON) list() (*evidence.SignedEvidenceList, error) {
	list := evidence.SignedEvidenceList{}
	for _, piece := range e {
		var kind evidence.EvidenceType
		if err := kind.UnmarshalProto(pb.EvidenceType(piece.Type)); err != nil {
			return nil, err
		}
		list = append(list, &evidence.SignedEvidencePiece{Type: kind, Data: piece.Data, Signature: piece.Signature})
	}
	return &list, nil
}

func showEvidence(list evidence.SignedEvidenceList) evidenceJSON {
	shown := evidenceJSON{}
	for _, piece := range list {
		shown = append(shown, pieceJSON{int32(piece.Type.MarshalProto()), piece.Data, piece.Signature})
	}
	return shown
}

func evidenceFrom(encoded []byte) (evidenceJSON, error) {
	var list evidence.SignedEvidenceList
	err := list.UnmarshalBinary(encoded)
	return showEvidence(list), err
}

type quoteJSON struct {
	Attest hexBytes            `json:"attest"`
	PCRs   map[uint32]hexBytes `json:"pcrs"`
}

func (q quoteJSON) attestation() (*evidence.TPMQuoteAttestation, error) {
	values := map[uint32][]byte{}
	for index, value := range q.PCRs {
		values[index] = value
	}
	return &evidence.TPMQuoteAttestation{TmpstAttestQuote: q.Attest, PCRValues: &evidence.PCRValues{Values: values}}, nil
}

func quoteFrom(encoded []byte) (quoteJSON, error) {
	var quote evidence.TPMQuoteAttestation
	if err := quote.UnmarshalBinary(encoded); err != nil {
		return quoteJSON{}, err
	}
	shown := quoteJSON{Attest: quote.TmpstAttestQuote, PCRs: map[uint32]hexBytes{}}
	if quote.PCRValues != nil {
		for index, value := range quote.PCRValues.Values {
			shown.PCRs[index] = value
		}
	}
	return shown, nil
}

type makeEvidenceParameters struct {
	Secret string `json:"secret"`
}

// makeEvidence starts a machine of its own; own_rek of open_request is its key until the next one.
func makeEvidence(s *state, p makeEvidenceParameters) (object, error) {
	if s.machine != nil {
		if err := s.machine.Close(); err != nil {
			return nil, err
		}
		s.machine = nil
	}
	made, err := machine.New()
	if err != nil {
		return nil, err
	}
	s.machine = made
	list, err := made.Evidence(context.Background(), p.Secret)
	if err != nil {
		return nil, err
	}
	encoded, err := list.MarshalBinary()
	return object{"evidence": hexBytes(encoded)}, err
}

type verifyEvidenceParameters struct {
	Secret   string   `json:"secret"`
	Variants variants `json:"variants"`
}

func verifyEvidence(_ *state, p verifyEvidenceParameters) (object, error) {
	verifier := verify.NewFakeVerifier([]byte(p.Secret))
	return p.Variants.run(func(input []byte) (object, error) {
		var list evidence.SignedEvidenceList
		if err := list.UnmarshalBinary(input); err != nil {
			return nil, err
		}
		verified, err := verifier.VerifyComputeNode(context.Background(), list)
		if err != nil {
			return nil, err
		}
		return object{"rek": hexBytes(verified.PublicKey)}, nil
	})
}
