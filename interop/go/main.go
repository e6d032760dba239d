// Program official plays the official roles of OpenPCC in the interop tests: router, compute node, client, mint and
// badge office, each put together from the public packages of the official Go modules.
package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sort"
	"strings"

	"openpcc.invalid/interop/badge"
	"openpcc.invalid/interop/bench"
	"openpcc.invalid/interop/cli"
	"openpcc.invalid/interop/client"
	"openpcc.invalid/interop/codec"
	"openpcc.invalid/interop/mint"
	"openpcc.invalid/interop/node"
	"openpcc.invalid/interop/router"
)

var roles = map[string]func(args []string) error{
	"badge":           badge.Run,
	"codec":           codec.Run,
	"credit-check":    bench.RunCreditCheck,
	"reverse-proxy":   bench.RunReverseProxy,
	"stand-in":        bench.RunStandIn,
	"stand-in-worker": bench.RunStandInWorker,
	"client":          client.Run,
	"mint":            mint.Run,
	"node":            node.Run,
	"router":          router.Run,
}

func main() {
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: logLevel()})))
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	if len(args) == 0 {
		return complain(cli.Usagef("usage: official ROLE [option ...], ROLE one of %s", roleNames()))
	}
	role, known := roles[args[0]]
	if !known {
		return complain(cli.Usagef("unknown role %q, not one of %s", args[0], roleNames()))
	}
	return complain(role(args[1:]))
}

func complain(err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, "official:", err)
	if usage := (cli.UsageError{}); errors.As(err, &usage) {
		return 2
	}
	return 1
}

func roleNames() string {
	names := make([]string, 0, len(roles))
	for name := range roles {
		names = append(names, name)
	}
	sort.Strings(names)
	return strings.Join(names, ", ")
}

// The official packages log every health check and heartbeat at level INFO, which would drown what a test looks for.
func logLevel() slog.Level {
	level := slog.LevelWarn
	if text := os.Getenv("OFFICIAL_LOG_LEVEL"); text != "" {
		if err := level.UnmarshalText([]byte(text)); err != nil {
			fmt.Fprintln(os.Stderr, "official: OFFICIAL_LOG_LEVEL:", err)
		}
	}
	return level
}
