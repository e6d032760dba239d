package node

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/openpcc/openpcc/models"

	"openpcc.invalid/interop/money"
)

// A test that sends this header gets it back as a trailer inside the sealed answer.
const testTrailer = "X-Test-Trailer"

type chatRequest struct {
	Model     string `json:"model"`
	Stream    bool   `json:"stream"`
	MaxTokens int    `json:"max_tokens"`
	Messages  []struct {
		Content string `json:"content"`
	} `json:"messages"`
}

// answer is what the node says to one request.
type answer struct {
	status      int
	contentType string
	parts       [][]byte // What a stream is written in, one after the other; the whole body when it is not a stream.
	stream      bool
	trailer     http.Header
	used        usage
}

type usage struct {
	Prompt     int `json:"prompt_tokens"`
	Completion int `json:"completion_tokens"`
	Total      int `json:"total_tokens"`
}

func refusal(code, message string) *answer {
	body := encode(map[string]string{"code": code, "error": "Request Validation Error", "message": message})
	return &answer{status: http.StatusBadRequest, contentType: "application/json", parts: [][]byte{body}}
}

// newAnswer says the last message again and counts, so that whoever reads it can tell that it is whole and the answer to
// this very request.
func newAnswer(number int64, header http.Header, body []byte, s settings) *answer {
	var request chatRequest
	if err := json.Unmarshal(body, &request); err != nil {
		return refusal("ErrInvalidJSON", "failed to decode request body: "+err.Error())
	}
	if len(request.Messages) == 0 {
		return refusal("ErrMissingRequiredField", "missing required field: messages")
	}
	if request.Model != s.model {
		return refusal("ErrUnsupportedModel", "unsupported model: "+request.Model)
	}
	texts := wording(request, s.chunks)
	a := &answer{status: http.StatusOK, used: usage{Completion: len(texts)}}
	for _, message := range request.Messages {
		a.used.Prompt += len(strings.Fields(message.Content))
	}
	a.used.Total = a.used.Prompt + a.used.Completion
	if value := header.Get(testTrailer); value != "" {
		a.trailer = http.Header{testTrailer: {value}}
	}
	writer := completion{id: fmt.Sprintf("chatcmpl-%d", number), model: request.Model, created: time.Now().Unix()}
	if request.Stream {
		a.contentType, a.parts = "text/event-stream", writer.events(texts, a.used)
		a.stream = !s.knownLength
	} else {
		a.contentType, a.parts = "application/json", [][]byte{writer.whole(texts, a.used)}
	}
	return a
}

func wording(request chatRequest, chunks int) []string {
	if request.MaxTokens > 0 {
		chunks = min(chunks, request.MaxTokens)
	}
	texts := make([]string, chunks)
	for i := range texts {
		texts[i] = fmt.Sprintf("chunk %d of %d ", i+1, chunks)
	}
	texts[0] = request.Messages[len(request.Messages)-1].Content + "\n" + texts[0]
	return texts
}

// response is the answer as the official encoder takes it. Its body is written while the encoder reads it.
func (a *answer) response(ctx context.Context, h *requestHandler, number int64) *http.Response {
	response := &http.Response{
		StatusCode: a.status, ProtoMajor: 1, ProtoMinor: 1,
		Header:  http.Header{"Content-Type": {a.contentType}},
		Trailer: a.trailer,
	}
	if a.stream {
		response.ContentLength = -1
		response.Body = io.NopCloser(&paced{ctx: ctx, handler: h, number: number, parts: a.parts, gated: a.used.Completion})
		return response
	}
	whole := bytes.Join(a.parts, nil)
	response.ContentLength = int64(len(whole))
	if a.trailer != nil {
		response.ContentLength = -1 // An answer of known length has no trailer.
	}
	response.Body = io.NopCloser(bytes.NewReader(whole))
	return response
}

// refund is the value of the trailer that tells the router what is left of the credit; empty when nothing is.
func (a *answer) refund(credit int64) (string, error) {
	left := float64(credit)
	if a.status == http.StatusOK {
		left -= models.InputTokenCreditMultiplier * float64(a.used.Prompt)
		left -= models.OutputTokenCreditMultiplier * float64(a.used.Completion)
	}
	if left <= 0 {
		return "", nil
	}
	value, err := money.RoundFairly(left)
	if err != nil {
		return "", fmt.Errorf("refund: %w", err)
	}
	text, err := value.MarshalText()
	return string(text), err
}

// encode cannot fail: what is passed to it is made of strings and numbers.
func encode(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return text
}
