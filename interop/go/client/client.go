// Package client is the role of the official client: it sends the requests it reads from standard input and prints what
// comes back, piece by piece.
//
// The official client keeps the nodes it has verified for one minute, for each set of tags. A test that changes the nodes
// starts another client. It also begins anew, as if it was started again, after a request whose "error" event says "stuck".
package client

import (
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"os"
	"syscall"
	"time"

	"github.com/openpcc/openpcc"
	"github.com/openpcc/openpcc/auth/credentialing"
	"github.com/openpcc/openpcc/chunk"

	"openpcc.invalid/interop/cli"
	"openpcc.invalid/interop/money"
)

type settings struct {
	router, issuerKey, secret, badge string
	maxCandidates                    int
	timeout                          time.Duration
}

// Run ends at the end of the input, or on SIGTERM.
func Run(args []string) error {
	var s settings
	flags := flag.NewFlagSet("client", flag.ContinueOnError)
	flags.StringVar(&s.router, "router", "", "URL of the router")
	flags.StringVar(&s.issuerKey, "issuer-key", "", "file of the issuer's private key, to pay with")
	flags.StringVar(&s.secret, "fake-secret", "", "secret of the development evidence")
	flags.StringVar(&s.badge, "badge", "", "badge in base64; none is one without models or signature")
	flags.IntVar(&s.maxCandidates, "max-candidates", 3, "nodes that a request is sealed to")
	flags.DurationVar(&s.timeout, "timeout", 30*time.Second, "time for one request; the client itself would look for nodes for 15 minutes")
	if err := cli.ParseAll(flags, args, "router", "issuer-key", "fake-secret"); err != nil {
		return err
	}
	mint, err := money.Open(s.issuerKey)
	if err != nil {
		return err
	}
	var badge credentialing.Badge
	if s.badge != "" {
		if err := badge.Deserialize(s.badge); err != nil {
			return cli.Usagef("client: --badge: %v", err)
		}
	}
	return serve(s, mint, badge)
}

func serve(s settings, mint *money.Mint, badge credentialing.Badge) error {
	stopped, cancel := cli.UntilStopped()
	defer cancel()

	wallet := &wallet{mint: mint}
	config := openpcc.DefaultConfig()
	config.APIURL, config.APIKey = "http://auth.invalid", "none" // It wants to have both, and asks nobody.
	config.TransparencyIdentityPolicySource = openpcc.IdentityPolicySourceUnsafeRemote
	official, err := openpcc.NewFromConfig(stopped, config,
		openpcc.WithRouterURL(s.router),
		openpcc.WithWallet(wallet),
		openpcc.WithAuthClient(&authClient{mint: mint, badge: badge}),
		openpcc.WithAnonHTTPClient(&http.Client{Transport: chunk.NewHTTPTransport(chunk.DefaultDialTimeout)}),
		openpcc.WithFakeAttestationSecret(s.secret),
		openpcc.WithMaxCandidateNodes(s.maxCandidates),
		withoutTransparency())
	if err != nil {
		return err
	}
	guardNodeFinder(official)
	cli.Emit(cli.Event{"event": "ready"})

	sender := &sender{http: official.HTTPClient(), wallet: wallet, timeout: s.timeout}
	lines := make(chan []byte)
	for {
		go func() { lines <- readLine(os.Stdin) }()
		select {
		case <-stopped.Done():
			return official.Close(stopped)
		case line := <-lines:
			if line == nil {
				return official.Close(stopped)
			}
			var request request
			if err := json.Unmarshal(line, &request); err != nil {
				return cli.Usagef("client: not a request: %v", err)
			}
			if !sender.send(stopped, request) && stopped.Err() == nil {
				return startAgain()
			}
		}
	}
}

// readLine returns nil at the end of the input. It takes no byte more than the line, so that startAgain loses nothing.
func readLine(from io.Reader) []byte {
	var line []byte
	letter := make([]byte, 1)
	for {
		if _, err := io.ReadFull(from, letter); err != nil {
			return line
		}
		if letter[0] == '\n' && len(line) > 0 {
			return line
		}
		line = append(line, letter[0])
	}
}

// startAgain is a new client in the place of this one, with the same input and output.
func startAgain() error {
	return syscall.Exec("/proc/self/exe", os.Args, os.Environ())
}
