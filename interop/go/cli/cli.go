// Package cli has what every role of the program needs towards the test that runs it: wrong usage, JSON lines on
// standard output, and the end on SIGTERM.
package cli

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
)

// UsageError says that the command line was wrong; the program ends with status 2.
type UsageError struct{ text string }

func (e UsageError) Error() string { return e.text }

// Usagef makes a UsageError.
func Usagef(format string, values ...any) error {
	return UsageError{fmt.Sprintf(format, values...)}
}

// Parse reads the options of a role and returns what follows them. required names the options that must not be empty.
func Parse(flags *flag.FlagSet, args []string, required ...string) ([]string, error) {
	flags.Init(flags.Name(), flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	if err := flags.Parse(args); err != nil {
		return nil, Usagef("%s: %v", flags.Name(), err)
	}
	for _, name := range required {
		if flags.Lookup(name).Value.String() == "" {
			return nil, Usagef("%s: --%s is missing", flags.Name(), name)
		}
	}
	return flags.Args(), nil
}

// ParseAll is Parse for a role that takes options only.
func ParseAll(flags *flag.FlagSet, args []string, required ...string) error {
	rest, err := Parse(flags, args, required...)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return Usagef("%s: unexpected argument %q", flags.Name(), rest[0])
	}
	return nil
}

// Event is one line of output.
type Event map[string]any

var output sync.Mutex

// Emit prints one event as one line. Standard output is not buffered, so the reader has it at once.
func Emit(event Event) {
	line, err := json.Marshal(event)
	if err != nil {
		line = fmt.Appendf(nil, `{"event":"broken","error":%q}`, err)
	}
	output.Lock()
	defer output.Unlock()
	// Nobody is left to tell when the reader has gone.
	_, _ = os.Stdout.Write(append(line, '\n'))
}

// Fields are header fields as an event shows them, the values of one name joined as HTTP does.
func Fields(header http.Header) map[string]string {
	fields := make(map[string]string, len(header))
	for name, values := range header {
		fields[name] = strings.Join(values, ", ")
	}
	return fields
}

// UntilStopped returns a context that ends on SIGTERM or SIGINT. A second signal ends the program at once.
func UntilStopped() (context.Context, context.CancelFunc) {
	stopped, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	context.AfterFunc(stopped, cancel)
	return stopped, cancel
}
