package machine

import (
	"context"
	"testing"

	"github.com/openpcc/openpcc/attestation/verify"
)

func TestEvidenceIsWhatTheOfficialVerifierAccepts(t *testing.T) {
	m, err := New()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}()
	list, err := m.Evidence(context.Background(), "secret")
	if err != nil {
		t.Fatal(err)
	}
	data, err := verify.NewFakeVerifier([]byte("secret")).VerifyComputeNode(context.Background(), list)
	if err != nil {
		t.Fatal(err)
	}
	key, err := m.PublicKey().MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	if string(data.PublicKey) != string(key) {
		t.Error("the evidence is for another REK")
	}
	if _, err := verify.NewFakeVerifier([]byte("other")).VerifyComputeNode(context.Background(), list); err == nil {
		t.Error("evidence with another secret was accepted")
	}
}
