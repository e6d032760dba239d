// Package bench has what our programs are measured against: a reverse proxy and nothing else, the credit check and nothing
// else, and a node that starts a process for every request, as the official one does.
package bench

import (
	"flag"
	"net/http/httputil"
	"net/url"

	"github.com/openpcc/openpcc/chunk"

	"openpcc.invalid/interop/cli"
	"openpcc.invalid/interop/router"
)

// RunReverseProxy serves Go's reverse proxy with the official router's transport, until SIGTERM.
func RunReverseProxy(args []string) error {
	flags := flag.NewFlagSet("reverse-proxy", flag.ContinueOnError)
	listen := flags.String("listen", "127.0.0.1:0", "address")
	target := flags.String("target", "", "URL of what stands behind it")
	if err := cli.ParseAll(flags, args, "target"); err != nil {
		return err
	}
	behind, err := url.Parse(*target)
	if err != nil {
		return cli.Usagef("reverse-proxy: --target: %v", err)
	}
	proxy := &httputil.ReverseProxy{
		Transport: chunk.NewHTTPTransport(chunk.DefaultDialTimeout),
		Rewrite: func(request *httputil.ProxyRequest) {
			request.Out.URL = behind
		},
	}
	return cli.Serve(*listen, router.RememberEnd(proxy), nil)
}
