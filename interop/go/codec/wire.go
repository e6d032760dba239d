package codec

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"
)

// kind is one sort of message of the wire, both ways: bytes to what JSON shows of it, and back.
type kind struct {
	read  func(encoded []byte) (any, error)
	write func(value json.RawMessage) ([]byte, error)
}

var kinds = map[string]kind{
	"encapsulated_key": {readEncapsulatedKey, nil}, // written by seal_request only
	"evidence":         kindOf(evidenceFrom, evidenceJSON.list),
	"quote":            kindOf(quoteFrom, quoteJSON.attestation),
	"manifests":        kindOf(manifestsFrom, manifestsTo),
	"manifest_request": kindOf(manifestRequestFrom, manifestRequestTo),
	"request_info":     kindOf(requestInfoFrom, requestInfoTo),
	"node_event":       kindOf(nodeEventFrom, nodeEventJSON.event),
	"currency":         kindOf(currencyFrom, currencyJSON.value),
	"credit":           kindOf(creditFrom, creditJSON.credit),
	"badge":            kindOf(badgeFrom, badgeJSON.badge),
	"error_body":       kindOf(errorBodyFrom, errorBodyTo),
}

// kindOf joins the two directions: from makes what JSON shows of the bytes, to makes of that what can be marshalled.
func kindOf[JSON any, Value encoding.BinaryMarshaler](from func([]byte) (JSON, error), to func(JSON) (Value, error)) kind {
	return kind{
		read: func(encoded []byte) (any, error) { return from(encoded) },
		write: func(text json.RawMessage) ([]byte, error) {
			var shown JSON
			if err := json.Unmarshal(text, &shown); err != nil {
				return nil, err
			}
			value, err := to(shown)
			if err != nil {
				return nil, err
			}
			return value.MarshalBinary()
		},
	}
}

// protobuf is for those messages that have no marshaller of their own in the official packages.
type protobuf struct{ proto.Message }

func (p protobuf) MarshalBinary() ([]byte, error) {
	return proto.Marshal(p.Message)
}

type readParameters struct {
	Kind  string   `json:"kind"`
	Bytes hexBytes `json:"bytes"`
}

func read(_ *state, p readParameters) (object, error) {
	chosen, known := kinds[p.Kind]
	if !known {
		return nil, fmt.Errorf("unknown kind %q", p.Kind)
	}
	value, err := chosen.read(p.Bytes)
	return object{"value": value}, err
}

type readVariantsParameters struct {
	Kind     string   `json:"kind"`
	Variants variants `json:"variants"`
}

func readVariants(s *state, p readVariantsParameters) (object, error) {
	return p.Variants.run(func(input []byte) (object, error) { return read(s, readParameters{p.Kind, input}) })
}

type writeParameters struct {
	Kind  string          `json:"kind"`
	Value json.RawMessage `json:"value"`
}

func write(_ *state, p writeParameters) (object, error) {
	chosen, known := kinds[p.Kind]
	if !known || chosen.write == nil {
		return nil, errors.New("no such kind to write: " + p.Kind)
	}
	encoded, err := chosen.write(p.Value)
	return object{"bytes": hexBytes(encoded)}, err
}
