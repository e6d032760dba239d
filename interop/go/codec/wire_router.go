package codec

import (
	"bytes"
	"errors"
	"net/url"
	"slices"
	"time"

	"github.com/openpcc/openpcc/gen/protos/httpfmt"
	pb "github.com/openpcc/openpcc/gen/protos/router"
	officialfmt "github.com/openpcc/openpcc/httpfmt"
	"github.com/openpcc/openpcc/router/agent"
	"github.com/openpcc/openpcc/router/api"
	"github.com/openpcc/openpcc/tags"
	"github.com/openpcc/openpcc/uuidv7"
	"github.com/openpcc/twoway"
)

type encapsulatedKeyJSON struct {
	KeyID byte   `json:"key_id"`
	KEM   uint16 `json:"kem"`
	KDF   uint16 `json:"kdf"`
	AEAD  uint16 `json:"aead"`
}

func readEncapsulatedKey(encoded []byte) (any, error) {
	parsed, err := twoway.ParseRequestHeaderFrom(encoded)
	return encapsulatedKeyJSON{parsed.KeyID, uint16(parsed.KemID), uint16(parsed.KDFID), uint16(parsed.AEADID)}, err
}

// showTags sorts: the official set has no order.
func showTags(set tags.Tags) []string {
	shown := set.Slice()
	slices.Sort(shown)
	return shown
}

type manifestJSON struct {
	ID       string       `json:"id"`
	Tags     []string     `json:"tags"`
	Evidence evidenceJSON `json:"evidence"`
}

func manifestsTo(shown []manifestJSON) (api.ComputeManifestList, error) {
	var list api.ComputeManifestList
	for _, manifest := range shown {
		id, err := uuidv7.Parse(manifest.ID)
		if err != nil {
			return nil, err
		}
		set, err := tags.FromSlice(manifest.Tags)
		if err != nil {
			return nil, err
		}
		evidence, err := manifest.Evidence.list()
		if err != nil {
			return nil, err
		}
		list = append(list, api.ComputeManifest{ID: id, Tags: set, Evidence: *evidence})
	}
	return list, nil
}

func manifestsFrom(encoded []byte) ([]manifestJSON, error) {
	var list api.ComputeManifestList
	if err := list.UnmarshalBinary(encoded); err != nil {
		return nil, err
	}
	shown := []manifestJSON{}
	for _, manifest := range list {
		shown = append(shown, manifestJSON{manifest.ID.String(), showTags(manifest.Tags), showEvidence(manifest.Evidence)})
	}
	return shown, nil
}

type manifestRequestJSON struct {
	Tags  []string `json:"tags"`
	Limit int      `json:"limit"`
}

// manifestRequestTo fills in the message as the official client does, which has no type of its own for writing it.
func manifestRequestTo(shown manifestRequestJSON) (protobuf, error) {
	message := &pb.ComputeManifestRequest{}
	message.SetTags(shown.Tags)
	message.SetLimit(int32(shown.Limit))
	return protobuf{message}, nil
}

func manifestRequestFrom(encoded []byte) (manifestRequestJSON, error) {
	var request api.ComputeManifestRequest
	err := request.UnmarshalBinary(encoded)
	return manifestRequestJSON{showTags(request.Tags), request.Limit}, err
}

type candidateJSON struct {
	ID              string   `json:"id"`
	EncapsulatedKey hexBytes `json:"encapsulated_key"`
}

func requestInfoTo(shown []candidateJSON) (*api.ComputeRequestInfo, error) {
	info := &api.ComputeRequestInfo{}
	for _, candidate := range shown {
		id, err := uuidv7.Parse(candidate.ID)
		if err != nil {
			return nil, err
		}
		info.Candidates = append(info.Candidates, api.ComputeCandidate{ID: id, EncapsulatedKey: candidate.EncapsulatedKey})
	}
	return info, nil
}

func requestInfoFrom(encoded []byte) ([]candidateJSON, error) {
	var info api.ComputeRequestInfo
	if err := info.UnmarshalBinary(encoded); err != nil {
		return nil, err
	}
	shown := []candidateJSON{}
	for _, candidate := range info.Candidates {
		shown = append(shown, candidateJSON{candidate.ID.String(), candidate.EncapsulatedKey})
	}
	return shown, nil
}

type routingInfoJSON struct {
	URL            string       `json:"url"`
	HealthcheckURL string       `json:"healthcheck_url"`
	Tags           []string     `json:"tags"`
	Evidence       evidenceJSON `json:"evidence"`
}

// nodeEventJSON is a heartbeat when it has one of the two, else a shutdown.
type nodeEventJSON struct {
	NodeID         string           `json:"node_id"`
	EventIndex     int64            `json:"event_index"`
	Seconds        int64            `json:"seconds"`
	Nanos          int32            `json:"nanos"`
	RoutingInfo    *routingInfoJSON `json:"routing_info"`
	RoutingInfoURL *string          `json:"routing_info_url"`
}

func (e nodeEventJSON) event() (*agent.NodeEvent, error) {
	id, err := uuidv7.Parse(e.NodeID)
	if err != nil {
		return nil, err
	}
	event := &agent.NodeEvent{EventIndex: e.EventIndex, NodeID: id, Timestamp: time.Unix(e.Seconds, int64(e.Nanos)).UTC()}
	switch {
	case e.RoutingInfo != nil:
		info, err := e.RoutingInfo.info()
		if err != nil {
			return nil, err
		}
		event.Heartbeat = &agent.Heartbeat{RoutingInfo: info}
	case e.RoutingInfoURL != nil:
		target, err := url.Parse(*e.RoutingInfoURL)
		if err != nil {
			return nil, err
		}
		event.Heartbeat = &agent.Heartbeat{RoutingInfoURL: target}
	}
	return event, nil
}

func (r routingInfoJSON) info() (*agent.RoutingInfo, error) {
	target, err := url.Parse(r.URL)
	if err != nil {
		return nil, err
	}
	health, err := url.Parse(r.HealthcheckURL)
	if err != nil {
		return nil, err
	}
	set, err := tags.FromSlice(r.Tags)
	if err != nil {
		return nil, err
	}
	evidence, err := r.Evidence.list()
	if err != nil {
		return nil, err
	}
	return &agent.RoutingInfo{URL: *target, HealthcheckURL: *health, Tags: set, Evidence: *evidence}, nil
}

func nodeEventFrom(encoded []byte) (nodeEventJSON, error) {
	var event agent.NodeEvent
	if err := event.UnmarshalBinary(encoded); err != nil {
		return nodeEventJSON{}, err
	}
	shown := nodeEventJSON{
		NodeID: event.NodeID.String(), EventIndex: event.EventIndex, Seconds: event.Timestamp.Unix(),
		Nanos: int32(event.Timestamp.Nanosecond()),
	}
	if event.IsShutdownEvent() {
		return shown, nil
	}
	if target := event.Heartbeat.RoutingInfoURL; target != nil {
		text := target.String()
		shown.RoutingInfoURL = &text
	}
	if info := event.Heartbeat.RoutingInfo; info != nil {
		shown.RoutingInfo = &routingInfoJSON{
			info.URL.String(), info.HealthcheckURL.String(), showTags(info.Tags), showEvidence(info.Evidence),
		}
	}
	return shown, nil
}

type errorBodyJSON struct {
	Message string `json:"message"`
}

func errorBodyTo(shown errorBodyJSON) (protobuf, error) {
	message := &httpfmt.Error{}
	message.SetMessage(shown.Message)
	return protobuf{message}, nil
}

func errorBodyFrom(encoded []byte) (errorBodyJSON, error) {
	message, err := officialfmt.DecodeBinaryError(bytes.NewReader(encoded))
	if err != nil {
		return errorBodyJSON{}, err
	}
	if message == nil {
		return errorBodyJSON{}, errors.New("no error message")
	}
	return errorBodyJSON{message.GetMessage()}, nil
}
