package codec

import (
	"errors"

	"github.com/openpcc/openpcc/anonpay"
	"github.com/openpcc/openpcc/anonpay/currency"
	"github.com/openpcc/openpcc/auth/credentialing"
	"github.com/openpcc/openpcc/gen/protos"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// currencyJSON has exactly one of the two.
type currencyJSON struct {
	Amount  *int64 `json:"amount,omitempty"`
	Special *int64 `json:"special,omitempty"`
}

func (c currencyJSON) value() (currency.Value, error) {
	switch {
	case c.Amount != nil:
		return currency.Exact(*c.Amount)
	case c.Special != nil:
		return currency.MustSpecial(*c.Special), nil
	default:
		return currency.Value{}, errors.New("neither amount nor special")
	}
}

func showCurrency(value currency.Value) (currencyJSON, error) {
	amount, err := value.Amount()
	if err == nil {
		return currencyJSON{Amount: &amount}, nil
	}
	// A special value tells its amount only through its bytes: bit 0 of the first one is the flag.
	encoded, err := value.BlindBytes()
	if err != nil {
		return currencyJSON{}, err
	}
	encoded[0] &^= 1
	ordinary, err := currency.ParseCurrencyFromBlindBytes(encoded)
	if err != nil {
		return currencyJSON{}, err
	}
	amount, err = ordinary.Amount()
	return currencyJSON{Special: &amount}, err
}

func currencyFrom(encoded []byte) (currencyJSON, error) {
	var value currency.Value
	if err := value.UnmarshalBinary(encoded); err != nil {
		return currencyJSON{}, err
	}
	return showCurrency(value)
}

type creditJSON struct {
	Value     currencyJSON `json:"value"`
	Timestamp int64        `json:"timestamp"`
	Nonce     hexBytes     `json:"nonce"`
	Signature hexBytes     `json:"signature"`
}

// credit goes through the protobuf message: only an issuer can make a BlindedCredit otherwise.
func (c creditJSON) credit() (*anonpay.BlindedCredit, error) {
	value, err := c.Value.value()
	if err != nil {
		return nil, err
	}
	message := &protos.Credit{}
	encodedValue, err := value.MarshalProto()
	if err != nil {
		return nil, err
	}
	nonce := &protos.Nonce{}
	nonce.SetTimestamp(&timestamppb.Timestamp{Seconds: c.Timestamp})
	nonce.SetNonce(c.Nonce)
	message.SetValue(encodedValue)
	message.SetNonce(nonce)
	message.SetSignature(c.Signature)
	credit := &anonpay.BlindedCredit{}
	return credit, credit.UnmarshalProto(message)
}

func creditFrom(encoded []byte) (creditJSON, error) {
	var credit anonpay.BlindedCredit
	if err := credit.UnmarshalBinary(encoded); err != nil {
		return creditJSON{}, err
	}
	value, err := showCurrency(credit.Value())
	nonce := credit.Nonce()
	return creditJSON{Value: value, Timestamp: nonce.Timestamp, Nonce: nonce.Nonce, Signature: credit.Signature()}, err
}

type badgeJSON struct {
	Models    []string `json:"models"`
	Signature hexBytes `json:"signature"`
}

func (b badgeJSON) badge() (protobuf, error) {
	badge := credentialing.Badge{Credentials: credentialing.Credentials{Models: b.Models}, Signature: b.Signature}
	message, err := badge.MarshalProto()
	return protobuf{message}, err
}

func badgeFrom(encoded []byte) (badgeJSON, error) {
	message := &protos.Badge{}
	if err := proto.Unmarshal(encoded, message); err != nil {
		return badgeJSON{}, err
	}
	var badge credentialing.Badge
	if err := badge.UnmarshalProto(message); err != nil {
		return badgeJSON{}, err
	}
	return badgeJSON{Models: badge.Credentials.Models, Signature: badge.Signature}, nil
}
