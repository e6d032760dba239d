// Package node is the role of the official compute node. The official module has one for development only, which says the
// same words to everything, so this one is put together from the same public packages: evidence and REK, the agent that
// registers it, and the sealed messages are the official ones; what it answers is made up here.
package node

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/openpcc/openpcc/attestation/evidence"
	"github.com/openpcc/openpcc/httpfmt"
	"github.com/openpcc/openpcc/router/agent"
	"github.com/openpcc/openpcc/uuidv7"

	"openpcc.invalid/interop/cli"
	"openpcc.invalid/interop/machine"
)

type settings struct {
	listen, router, model, secret string
	chunks                        int
	pause, heartbeat              time.Duration
	gated, knownLength            bool
	evidenceFrom, evidenceTo      string
}

// Run serves until SIGTERM, and then tells the router that it has gone.
func Run(args []string) error {
	var s settings
	flags := flag.NewFlagSet("node", flag.ContinueOnError)
	flags.StringVar(&s.listen, "listen", "127.0.0.1:0", "address")
	flags.StringVar(&s.router, "router", "", "URL of the router to register with")
	flags.StringVar(&s.model, "model", "", "name of the model it says it has")
	flags.StringVar(&s.secret, "fake-secret", "", "secret of the development evidence")
	flags.IntVar(&s.chunks, "chunks", 200, "parts of an answer, unless max_tokens asks for fewer")
	flags.DurationVar(&s.pause, "pause", 5*time.Millisecond, "time before each part of a streamed answer")
	flags.BoolVar(&s.gated, "gated", false, "wait for standard input before each part of a streamed answer")
	flags.DurationVar(&s.heartbeat, "heartbeat", time.Second, "time between heartbeats")
	flags.BoolVar(&s.knownLength, "known-length", false, "seal streamed answers in one piece, too")
	flags.StringVar(&s.evidenceFrom, "evidence-from-file", "", "register with this SignedEvidenceList instead of one's own")
	flags.StringVar(&s.evidenceTo, "evidence-to-file", "", "write one's own SignedEvidenceList to this file")
	if err := cli.ParseAll(flags, args, "listen", "router", "model", "fake-secret"); err != nil {
		return err
	}
	if s.chunks < 1 || s.heartbeat <= 0 || s.pause < 0 {
		return cli.Usagef("node: --chunks and --heartbeat must be positive, --pause not negative")
	}
	return serve(s)
}

func serve(s settings) error {
	stopped, cancel := cli.UntilStopped()
	defer cancel()

	computer, err := machine.New()
	if err != nil {
		return err
	}
	list, err := evidenceFor(stopped, computer, s)
	if err != nil {
		return err
	}
	server, err := cli.Listen(s.listen)
	if err != nil {
		return err
	}
	id, err := uuidv7.New()
	if err != nil {
		return fmt.Errorf("node id: %w", err)
	}
	registrar, err := agent.New(id, &agent.Config{
		Tags:               []string{"llm", "model=" + s.model},
		NodeTargetURL:      server.URL() + "/",
		NodeHealthcheckURL: server.URL() + "/_health",
		RouterBaseURL:      s.router,
		HeartbeatInterval:  s.heartbeat,
	}, list)
	if err != nil {
		return cli.Usagef("node: %v", err)
	}
	server.Start(newHandler(computer, s))
	go func() { _ = registrar.Run() }() // Returns nil, after Shutdown.

	cli.Emit(cli.Event{"event": "ready", "url": server.URL(), "node_id": id.String()})
	if err := server.Wait(stopped); err != nil {
		return err
	}
	if err := registrar.Shutdown(context.Background()); err != nil {
		return err
	}
	if err := server.Stop(); err != nil {
		return err
	}
	return computer.Close()
}

func evidenceFor(ctx context.Context, computer *machine.Machine, s settings) (evidence.SignedEvidenceList, error) {
	own, err := computer.Evidence(ctx, s.secret)
	if err != nil {
		return nil, err
	}
	if s.evidenceTo != "" {
		bytes, err := own.MarshalBinary()
		if err != nil {
			return nil, fmt.Errorf("evidence: %w", err)
		}
		if err := os.WriteFile(s.evidenceTo, bytes, 0o644); err != nil {
			return nil, err
		}
	}
	if s.evidenceFrom == "" {
		return own, nil
	}
	bytes, err := os.ReadFile(s.evidenceFrom)
	if err != nil {
		return nil, err
	}
	var list evidence.SignedEvidenceList
	if err := list.UnmarshalBinary(bytes); err != nil {
		return nil, fmt.Errorf("evidence file %s: %w", s.evidenceFrom, err)
	}
	return list, nil
}

func newHandler(computer *machine.Machine, s settings) http.Handler {
	requests := &requestHandler{machine: computer, settings: s}
	if s.gated {
		requests.gate = newGate(os.Stdin)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_health", httpfmt.JSONHealthCheck)
	mux.Handle("POST /", requests)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Confsec-Ping") == "routercom" {
			_, _ = w.Write([]byte("routercom")) // Who asked sees it when this fails.
			return
		}
		mux.ServeHTTP(w, r)
	})
}
