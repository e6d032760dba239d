package node

import "strings"

// completion writes the JSON of an OpenAI chat completion.
type completion struct {
	id, model string
	created   int64
}

type object = map[string]any

// events is the stream: one event for each text, one with the usage, and the end mark.
func (c completion) events(texts []string, used usage) [][]byte {
	events := make([][]byte, 0, len(texts)+2)
	for i, text := range texts {
		delta := object{"content": text}
		if i == 0 {
			delta["role"] = "assistant"
		}
		var finish any
		if i == len(texts)-1 {
			finish = "stop"
		}
		events = append(events, c.event(object{
			"choices": []object{{"index": 0, "delta": delta, "finish_reason": finish}},
		}))
	}
	events = append(events, c.event(object{"choices": []object{}, "usage": used}))
	return append(events, []byte("data: [DONE]\n\n"))
}

func (c completion) event(fields object) []byte {
	line := append([]byte("data: "), encode(c.with("chat.completion.chunk", fields))...)
	return append(line, "\n\n"...)
}

// whole is the answer in one piece.
func (c completion) whole(texts []string, used usage) []byte {
	message := object{"role": "assistant", "content": strings.Join(texts, "")}
	return encode(c.with("chat.completion", object{
		"choices": []object{{"index": 0, "message": message, "finish_reason": "stop"}},
		"usage":   used,
	}))
}

func (c completion) with(kind string, fields object) object {
	fields["id"], fields["model"], fields["created"], fields["object"] = c.id, c.model, c.created, kind
	return fields
}
