// Package codec answers JSON lines with what the official packages make of bytes, or make into bytes: one process that
// the byte-level tests drive beside interop_codec, its twin on our libraries.
//
//	{"id":1,"op":"...",...} -> {"id":1,"ok":true,...} | {"id":1,"ok":false,"error":"...","panic":true,"endless":true}
//
// Bytes are hexadecimal text. The operations are those of operations below.
package codec

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"openpcc.invalid/interop/cli"
)

type hexBytes []byte

func (b hexBytes) MarshalText() ([]byte, error) {
	return hex.AppendEncode(nil, b), nil
}

func (b *hexBytes) UnmarshalText(text []byte) error {
	decoded, err := hex.AppendDecode(nil, text)
	*b = decoded
	return err
}

// object is a result: its fields beside "id" and "ok".
type object map[string]any

// operation takes the whole line.
type operation func(s *state, line []byte) (object, error)

var operations = map[string]operation{
	"rek_public":      with(rekPublic),
	"seal_request":    with(sealRequest),
	"open_request":    with(openRequest),
	"open_requests":   with(openRequests),
	"seal_response":   with(sealResponse),
	"open_response":   with(openResponse),
	"open_responses":  with(openResponses),
	"encode_request":  with(encodeRequest),
	"decode_request":  with(decodeRequest),
	"encode_response": with(encodeResponse),
	"decode_response": with(decodeResponse),
	"read":            with(read),
	"read_variants":   with(readVariants),
	"write":           with(write),
	"make_evidence":   with(makeEvidence),
	"verify_evidence": with(verifyEvidence),
}

func with[Parameters any](run func(*state, Parameters) (object, error)) operation {
	return func(s *state, line []byte) (object, error) {
		var parameters Parameters
		if err := json.Unmarshal(line, &parameters); err != nil {
			return nil, fmt.Errorf("bad parameters: %w", err)
		}
		return run(s, parameters)
	}
}

// Run answers the lines of standard input until it ends.
func Run(args []string) error {
	if len(args) != 0 {
		return cli.Usagef("codec: unexpected argument %q", args[0])
	}
	in, out := bufio.NewReader(os.Stdin), bufio.NewWriter(os.Stdout)
	s := newState()
	for {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		answer, err := json.Marshal(s.answer(line))
		if err != nil {
			return err
		}
		if _, err := out.Write(append(answer, '\n')); err != nil {
			return err
		}
		if err := out.Flush(); err != nil {
			return err
		}
	}
}

func (s *state) answer(line []byte) object {
	var head struct {
		ID int64  `json:"id"`
		Op string `json:"op"`
	}
	if err := json.Unmarshal(line, &head); err != nil {
		return object{"ok": false, "error": "not a JSON object: " + err.Error()}
	}
	run, known := operations[head.Op]
	if !known {
		names := slices.Sorted(maps.Keys(operations))
		return object{"id": head.ID, "ok": false, "error": fmt.Sprintf("unknown op %q, known: %q", head.Op, names)}
	}
	answer := outcome(func() (object, error) { return run(s, line) })
	answer["id"] = head.ID
	return answer
}

// outcome also turns a panic of the official code into an answer, and a loop without end: some inputs cause them.
func outcome(run func() (object, error)) (answer object) {
	defer func() {
		if cause := recover(); cause != nil {
			answer = object{"ok": false, "error": fmt.Sprint(cause), "panic": cause != errEndless, "endless": cause == errEndless}
		}
	}()
	answer, err := run()
	if err != nil {
		return object{"ok": false, "error": err.Error()}
	}
	answer["ok"] = true
	return answer
}

// variants are inputs that an operation is run on one after the other: those of List, then Of with one of the bits FlipBits flipped
// (bit n is bit n%8 of byte n/8).
type variants struct {
	List     []hexBytes `json:"list"`
	Of       hexBytes   `json:"of"`
	FlipBits []int      `json:"flip_bits"`
}

func (v variants) run(try func(input []byte) (object, error)) (object, error) {
	outcomes := make([]object, 0, len(v.List)+len(v.FlipBits))
	for _, input := range v.List {
		outcomes = append(outcomes, outcome(func() (object, error) { return try(input) }))
	}
	for _, bit := range v.FlipBits {
		if bit < 0 || bit/8 >= len(v.Of) {
			return nil, fmt.Errorf("bit %d of %d bytes", bit, len(v.Of))
		}
		input := slices.Clone(v.Of)
		input[bit/8] ^= 1 << (bit % 8)
		outcomes = append(outcomes, outcome(func() (object, error) { return try(input) }))
	}
	return object{"outcomes": outcomes}, nil
}
