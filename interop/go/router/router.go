// Package router is the role of the official router, with a credit check whose nonces are kept in memory.
package router

import (
	"flag"
	"fmt"
	"net/http"
	"time"

	"github.com/openpcc/openpcc/anonpay"
	"github.com/openpcc/openpcc/anonpay/noncelocking"
	"github.com/openpcc/openpcc/anonpay/noncelocking/inmem"
	official "github.com/openpcc/openpcc/router"
	"github.com/openpcc/openpcc/router/health"
	"github.com/openpcc/openpcc/uuidv7"

	"openpcc.invalid/interop/cli"
	"openpcc.invalid/interop/money"
)

type settings struct {
	listen, issuerKey string
	healthInterval    time.Duration
	minChecks         int
	plain             bool
}

// Run serves until SIGTERM.
func Run(args []string) error {
	var s settings
	flags := flag.NewFlagSet("router", flag.ContinueOnError)
	flags.StringVar(&s.listen, "listen", "127.0.0.1:0", "address")
	flags.StringVar(&s.issuerKey, "issuer-key", "", "file of the issuer's private key")
	flags.DurationVar(&s.healthInterval, "health-interval", 250*time.Millisecond, "time between health checks")
	flags.IntVar(&s.minChecks, "min-checks", health.DefaultGraderConfig().MinChecks, "health checks before a node is routed to")
	flags.BoolVar(&s.plain, "plain", false, "serve the official handler without the fix for dropped answers")
	if err := cli.ParseAll(flags, args, "listen", "issuer-key"); err != nil {
		return err
	}
	if s.healthInterval <= 0 {
		return cli.Usagef("router: --health-interval must be positive")
	}
	return serve(s)
}

func serve(s settings) error {
	stopped, cancel := cli.UntilStopped()
	defer cancel()

	node, err := newRouter(s.minChecks)
	if err != nil {
		return err
	}
	handler, err := newHandler(node, s)
	if err != nil {
		return err
	}
	server, err := cli.Listen(s.listen)
	if err != nil {
		return err
	}
	server.Start(handler)

	config := health.DefaultCheckerConfig()
	config.Interval = s.healthInterval
	checker := health.NewChecker(stopped, config, node)
	go func() { _ = checker.Run() }() // Returns nil, when the context ends.

	cli.Emit(cli.Event{"event": "ready", "url": server.URL()})
	if err := server.Wait(stopped); err != nil {
		return err
	}
	return server.Stop()
}

func newRouter(minChecks int) (*official.Router, error) {
	config := health.DefaultGraderConfig()
	config.MinChecks = minChecks
	grader, err := health.NewGrader(config)
	if err != nil {
		return nil, cli.Usagef("router: %v", err)
	}
	id, err := uuidv7.New()
	if err != nil {
		return nil, fmt.Errorf("router id: %w", err)
	}
	// The second value is how often a node is graded again without an event; the official program's is the same.
	return official.New(id, official.GradedNodeEvaluator(grader, 30*time.Second)), nil
}

func newHandler(node *official.Router, s settings) (http.Handler, error) {
	issuer, err := money.Open(s.issuerKey)
	if err != nil {
		return nil, err
	}
	nonces := noncelocking.FromTicketLocker(inmem.NewNonceLocker())
	handler, err := official.NewHTTPHandler(node, anonpay.NewProcessor(issuer.Issuer(), nonces))
	if err != nil {
		return nil, fmt.Errorf("router handler: %w", err)
	}
	if s.plain {
		return handler, nil
	}
	return RememberEnd(handler), nil
}
