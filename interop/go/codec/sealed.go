package codec

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"

	"github.com/cloudflare/circl/hpke"
	"github.com/cloudflare/circl/kem"
	"github.com/openpcc/openpcc/messages"
	tpmhpke "github.com/openpcc/openpcc/tpm/hpke"
	"github.com/openpcc/twoway"
	"openpcc.invalid/interop/machine"
)

// state is what one line leaves behind for later ones, by number.
type state struct {
	sent     []sentRequest           // by seal_request: the client's end
	received []*twoway.RequestOpener // by open_request: the node's end
	machine  *machine.Machine        // by make_evidence: the one it speaks of
}

type sentRequest struct {
	candidates []twoway.ResponseOpenerFunc
}

func newState() *state {
	return &state{}
}

func item[T any](items []T, number int) (T, error) {
	if number < 0 || number >= len(items) {
		var none T
		return none, fmt.Errorf("number %d of %d", number, len(items))
	}
	return items[number], nil
}

func suite() hpke.Suite {
	return hpke.NewSuite(tpmhpke.SuiteParams())
}

func scheme() kem.Scheme {
	id, _, _ := tpmhpke.SuiteParams()
	return id.Scheme()
}

type rekPublicParameters struct {
	Private hexBytes `json:"private"`
}

func rekPublic(_ *state, p rekPublicParameters) (object, error) {
	private, err := scheme().UnmarshalBinaryPrivateKey(p.Private)
	if err != nil {
		return nil, err
	}
	public, err := private.Public().MarshalBinary()
	return object{"public": hexBytes(public)}, err
}

type sealRequestParameters struct {
	Request message    `json:"request"`
	Keys    []hexBytes `json:"keys"` // request encryption keys of the candidates
}

func sealRequest(s *state, p sealRequestParameters) (object, error) {
	request, err := p.Request.request()
	if err != nil {
		return nil, err
	}
	sealer, mediaType, err := messages.EncapsulateRequest(twoway.NewMultiRequestSender(suite(), rand.Reader), request)
	if err != nil {
		return nil, err
	}
	var (
		sent sentRequest
		keys []hexBytes
	)
	for _, public := range p.Keys {
		rek, err := scheme().UnmarshalBinaryPublicKey(public)
		if err != nil {
			return nil, err
		}
		key, opener, err := sealer.EncapsulateKey(0, rek)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
		sent.candidates = append(sent.candidates, opener)
	}
	sealed, err := io.ReadAll(sealer)
	if err != nil {
		return nil, err
	}
	s.sent = append(s.sent, sent)
	return object{
		"sent": len(s.sent) - 1, "media_type": mediaType, "sealed": hexBytes(sealed), "encapsulated_keys": keys,
	}, nil
}

type openRequestParameters struct {
	Private         hexBytes `json:"private"` // request encryption key of the node, in software
	OwnREK          bool     `json:"own_rek"` // instead of it: that of the machine which make_evidence started, in its TPM
	EncapsulatedKey hexBytes `json:"encapsulated_key"`
	MediaType       string   `json:"media_type"`
	Sealed          hexBytes `json:"sealed"`
	Piece           int      `json:"piece"`
}

func (p openRequestParameters) receiver(s *state) (*twoway.MultiRequestReceiver, error) {
	if p.OwnREK {
		if s.machine == nil {
			return nil, errors.New("no machine: make_evidence starts one")
		}
		return s.machine.Receiver()
	}
	private, err := scheme().UnmarshalBinaryPrivateKey(p.Private)
	if err != nil {
		return nil, err
	}
	return twoway.NewMultiRequestReceiver(suite(), 0, private, rand.Reader)
}

func (p openRequestParameters) open(s *state) (object, *twoway.RequestOpener, error) {
	receiver, err := p.receiver(s)
	if err != nil {
		return nil, nil, err
	}
	request, opener, err := messages.DecapsulateRequest(context.Background(), receiver, p.EncapsulatedKey, p.MediaType,
		newPieces(p.Sealed, p.Piece))
	if err != nil {
		return nil, nil, err
	}
	answer, err := fromRequest(request)
	return answer, opener, err
}

func openRequest(s *state, p openRequestParameters) (object, error) {
	answer, opener, err := p.open(s)
	if err != nil {
		return nil, err
	}
	s.received = append(s.received, opener)
	answer["received"] = len(s.received) - 1
	return answer, nil
}

type openRequestsParameters struct {
	openRequestParameters
	Vary     string   `json:"vary"` // which of them each variant takes the place of
	Variants variants `json:"variants"`
}

func openRequests(s *state, p openRequestsParameters) (object, error) {
	return p.Variants.run(func(input []byte) (object, error) {
		try := p.openRequestParameters
		switch p.Vary {
		case "sealed":
			try.Sealed = input
		case "encapsulated_key":
			try.EncapsulatedKey = input
		default:
			return nil, fmt.Errorf("cannot vary %q", p.Vary)
		}
		answer, _, err := try.open(s)
		return answer, err
	})
}

type sealResponseParameters struct {
	Received int     `json:"received"`
	Response message `json:"response"`
}

func sealResponse(s *state, p sealResponseParameters) (object, error) {
	opener, err := item(s.received, p.Received)
	if err != nil {
		return nil, err
	}
	sealer, mediaType, err := messages.EncapsulateResponse(opener, p.Response.response())
	if err != nil {
		return nil, err
	}
	sealed, err := io.ReadAll(sealer)
	return object{"media_type": mediaType, "sealed": hexBytes(sealed)}, err
}

type openResponseParameters struct {
	Sent      int      `json:"sent"`
	Candidate int      `json:"candidate"`
	MediaType string   `json:"media_type"`
	Sealed    hexBytes `json:"sealed"`
	Piece     int      `json:"piece"`
}

func openResponse(s *state, p openResponseParameters) (object, error) {
	sent, err := item(s.sent, p.Sent)
	if err != nil {
		return nil, err
	}
	opener, err := item(sent.candidates, p.Candidate)
	if err != nil {
		return nil, err
	}
	response, err := messages.DecapsulateResponse(context.Background(), opener, p.MediaType, newPieces(p.Sealed, p.Piece))
	if err != nil {
		return nil, err
	}
	return fromResponse(response)
}

type openResponsesParameters struct {
	openResponseParameters
	Variants variants `json:"variants"`
}

func openResponses(s *state, p openResponsesParameters) (object, error) {
	return p.Variants.run(func(input []byte) (object, error) {
		try := p.openResponseParameters
		try.Sealed = input
		return openResponse(s, try)
	})
}
