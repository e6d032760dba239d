package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"time"

	"github.com/openpcc/openpcc/app/httpapp"
)

// How long requests that are under way may take to end after SIGTERM.
const shutdownPatience = 10 * time.Second

// Serve serves a handler until SIGTERM. The facts are printed with its address once it listens.
func Serve(address string, handler http.Handler, facts Event) error {
	stopped, cancel := UntilStopped()
	defer cancel()
	server, err := Listen(address)
	if err != nil {
		return err
	}
	server.Start(handler)
	ready := Event{"event": "ready", "url": server.URL()}
	maps.Copy(ready, facts)
	Emit(ready)
	if err := server.Wait(stopped); err != nil {
		return err
	}
	return server.Stop()
}

// Server is an HTTP server with the time limits of the official programs on an address of this machine.
type Server struct {
	listener net.Listener
	http     *http.Server
	failed   chan error
}

// Listen opens the address, so that its port is known before anything is served.
func Listen(address string) (*Server, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("cannot listen: %w", err)
	}
	return &Server{listener: listener, failed: make(chan error, 1)}, nil
}

// URL is where the server is reached.
func (s *Server) URL() string {
	return "http://" + s.listener.Addr().String()
}

// Start serves in the background.
func (s *Server) Start(handler http.Handler) {
	config := httpapp.DefaultStreamingConfig()
	config.RequestLogging = false
	s.http = httpapp.New(config, handler).Server
	go func() {
		if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- err
		}
	}()
}

// Wait returns when the context ends or the server fails.
func (s *Server) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.failed:
		return err
	}
}

// Stop ends the server after the requests that are under way.
func (s *Server) Stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownPatience)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil {
		return errors.Join(err, s.http.Close())
	}
	return nil
}
