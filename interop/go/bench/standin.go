package bench

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"

	"github.com/cloudflare/circl/hpke"
	"github.com/openpcc/openpcc/messages"
	"github.com/openpcc/openpcc/router/api"
	"github.com/openpcc/twoway"

	"openpcc.invalid/interop/cli"
)

const (
	kemID  = hpke.KEM_P256_HKDF_SHA256
	kdfID  = hpke.KDF_HKDF_SHA256
	aeadID = hpke.AEAD_AES128GCM
)

// RunStandIn serves as a node does that starts a process for every request, until SIGTERM. Its key is in software: what is
// measured is the process, not the TPM. With its address it prints a request sealed to that key.
func RunStandIn(args []string) error {
	flags := flag.NewFlagSet("stand-in", flag.ContinueOnError)
	listen := flags.String("listen", "127.0.0.1:0", "address")
	size := flags.Int("body", 1024, "bytes of the request that is printed")
	if err := cli.ParseAll(flags, args); err != nil {
		return err
	}
	public, private, err := kemID.Scheme().GenerateKeyPair()
	if err != nil {
		return err
	}
	key, err := private.MarshalBinary()
	if err != nil {
		return err
	}
	sender := twoway.NewMultiRequestSender(hpke.NewSuite(kemID, kdfID, aeadID), rand.Reader)
	request, err := http.NewRequest(http.MethodPost, "http://confsec.invalid/v1/chat/completions",
		strings.NewReader(strings.Repeat("x", *size)))
	if err != nil {
		return err
	}
	sealer, mediaType, err := messages.EncapsulateRequest(sender, request)
	if err != nil {
		return err
	}
	encapsulated, _, err := sealer.EncapsulateKey(0, public)
	if err != nil {
		return err
	}
	sealed, err := io.ReadAll(sealer)
	if err != nil {
		return err
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := startWorker(w, r, base64.StdEncoding.EncodeToString(key)); err != nil {
			fmt.Fprintln(os.Stderr, "official: stand-in:", err)
			panic(http.ErrAbortHandler)
		}
	})
	return cli.Serve(*listen, handler, cli.Event{
		"media_type": mediaType, "encapsulated_key": base64.StdEncoding.EncodeToString(encapsulated),
		"body": base64.StdEncoding.EncodeToString(sealed),
	})
}

// startWorker gives the sealed request to a new process and passes on what it says, as it comes.
func startWorker(w http.ResponseWriter, r *http.Request, key string) error {
	worker := exec.CommandContext(r.Context(), "/proc/self/exe", "stand-in-worker", "--media-type", r.Header.Get("Content-Type"),
		"--encapsulated-key", r.Header.Get(api.EncapsulatedKeyHeader), "--key", key)
	worker.Stdin, worker.Stderr = r.Body, os.Stderr
	out, err := worker.StdoutPipe()
	if err != nil {
		return err
	}
	if err := worker.Start(); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/confsec-chunked-res")
	connection := http.NewResponseController(w)
	buffer := make([]byte, messages.EncapsulatedChunkLen())
	for {
		n, readErr := out.Read(buffer)
		if n > 0 {
			if _, err := w.Write(buffer[:n]); err != nil {
				return err
			}
			if err := connection.Flush(); err != nil {
				return err
			}
		}
		if errors.Is(readErr, io.EOF) {
			break
		}
		if readErr != nil {
			return readErr
		}
	}
	return worker.Wait()
}

// RunStandInWorker opens one sealed request on standard input and writes a sealed answer to standard output.
func RunStandInWorker(args []string) error {
	flags := flag.NewFlagSet("stand-in-worker", flag.ContinueOnError)
	mediaType := flags.String("media-type", "", "of the request")
	encapsulated := flags.String("encapsulated-key", "", "base64")
	keyText := flags.String("key", "", "private key, base64")
	if err := cli.ParseAll(flags, args, "media-type", "encapsulated-key", "key"); err != nil {
		return err
	}
	receiver, err := softwareReceiver(*keyText)
	if err != nil {
		return err
	}
	enc, err := base64.StdEncoding.DecodeString(*encapsulated)
	if err != nil {
		return err
	}
	request, opener, err := messages.DecapsulateRequest(context.Background(), receiver, enc, *mediaType, os.Stdin)
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, request.Body); err != nil {
		return err
	}
	answer := &http.Response{
		StatusCode: http.StatusOK, ProtoMajor: 1, ProtoMinor: 1, ContentLength: -1,
		Header: http.Header{"Content-Type": {"application/json"}},
		Body:   io.NopCloser(strings.NewReader(`{"choices":[{"message":{"role":"assistant","content":"noop"}}]}`)),
	}
	sealed, _, err := messages.EncapsulateResponse(opener, answer)
	if err != nil {
		return err
	}
	_, err = io.Copy(os.Stdout, sealed)
	return err
}

func softwareReceiver(keyText string) (*twoway.MultiRequestReceiver, error) {
	key, err := base64.StdEncoding.DecodeString(keyText)
	if err != nil {
		return nil, err
	}
	private, err := kemID.Scheme().UnmarshalBinaryPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return twoway.NewMultiRequestReceiver(hpke.NewSuite(kemID, kdfID, aeadID), 0, private, rand.Reader)
}
