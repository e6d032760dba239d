package client

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"unsafe"

	"github.com/openpcc/openpcc"
	"github.com/openpcc/openpcc/tags"
	"github.com/openpcc/openpcc/transparency"
)

// withoutTransparency keeps the official client from fetching the trust root of sigstore, which takes the internet. There
// is no option for it, and an Option cannot be written outside its package because one of its parameter types is private,
// hence reflection. Evidence with the development secret is verified without transparency.
func withoutTransparency() openpcc.Option {
	optionType := reflect.TypeFor[openpcc.Option]()
	set := func(parameters []reflect.Value) []reflect.Value {
		*private[openpcc.TransparencyVerifier](parameters[0], "transparencyVerifier") = noTransparency{}
		return []reflect.Value{reflect.Zero(optionType.Out(0))}
	}
	return reflect.MakeFunc(optionType, set).Interface().(openpcc.Option)
}

// private is a field of what the pointer points to that its package keeps to itself.
func private[T any](pointer reflect.Value, name string) *T {
	field := pointer.Elem().FieldByName(name)
	return reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Interface().(*T)
}

var errNoTransparency = errors.New("there is no transparency log in these tests")

// noTransparency verifies nothing, and says so.
type noTransparency struct{}

func (noTransparency) CachedStatements() []transparency.Statement { return nil }

func (noTransparency) VerifyStatementWithProcessor([]byte, transparency.PredicateProcessor, transparency.IdentityPolicy,
) (*transparency.Statement, transparency.BundleMetadata, error) {
	return nil, transparency.BundleMetadata{}, errNoTransparency
}

func (noTransparency) VerifyStatementPredicate([]byte, string, transparency.IdentityPolicy,
) (*transparency.Statement, transparency.BundleMetadata, error) {
	return nil, transparency.BundleMetadata{}, errNoTransparency
}

// panicError is a panic of the official client.
type panicError struct{ cause any }

func (e panicError) Error() string { return fmt.Sprint("panic: ", e.cause) }

// guardNodeFinder turns panics of the official node finder into errors. It verifies evidence in a goroutine of its own,
// where a panic, which some evidence causes, would end the program.
func guardNodeFinder(client *openpcc.Client) {
	finder := private[openpcc.VerifiedNodeFinder](reflect.ValueOf(client), "nodeFinder")
	*finder = guardedFinder{*finder}
}

type guardedFinder struct{ openpcc.VerifiedNodeFinder }

func (f guardedFinder) FindVerifiedNodes(ctx context.Context, most int, wanted tags.Tags) (nodes []openpcc.VerifiedNode, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			nodes, err = nil, panicError{cause}
		}
	}()
	return f.VerifiedNodeFinder.FindVerifiedNodes(ctx, most, wanted)
}
