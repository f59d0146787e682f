package login

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/timestamp"
)

// reader takes the known members out of a JSON object. Unlike encoding/json, it
// keeps the others and matches names exactly, and its errors show nothing of the
// JSON.
type reader struct {
	members map[string]json.RawMessage
	err     error // the first
}

func newReader(data []byte) reader {
	var r reader
	data = bytes.TrimPrefix(data, []byte("\ufeff")) // which some editors write
	if json.Unmarshal(data, &r.members) != nil {
		r.err = errors.New("not a whole JSON object")
	}
	return r
}

// take takes a member out. A null is an absent member.
func take[T any](r *reader, name string) T {
	var value T
	raw, ok := r.members[name]
	if !ok {
		return value
	}
	delete(r.members, name)
	if err := json.Unmarshal(raw, &value); err != nil && r.err == nil {
		r.err = fmt.Errorf("%s has the wrong type", name)
		if mismatch := (*json.UnmarshalTypeError)(nil); !errors.As(err, &mismatch) {
			r.err = fmt.Errorf("%s: %w", name, err) // of UnmarshalText
		}
	}
	return value
}

// cacheTime is a time in any of the formats that cache files have.
type cacheTime time.Time

// UnmarshalText implements encoding.TextUnmarshaler.
func (t *cacheTime) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	parsed, err := timestamp.Parse(string(text))
	parsed = parsed.UTC()
	if err != nil || parsed.Year() > maxYear || parsed.Year() < 0 {
		return errors.New("not a time")
	}
	*t = cacheTime(parsed)
	return nil
}

// time takes a time out.
func (r *reader) time(name string) time.Time { return time.Time(take[cacheTime](r, name)) }

// timeIfAny takes a time out. It leaves a member that is not a time: the program
// that wrote it may read it.
func (r *reader) timeIfAny(name string) time.Time {
	var t cacheTime
	if json.Unmarshal(r.members[name], &t) != nil {
		return time.Time{}
	}
	delete(r.members, name)
	return time.Time(t)
}

// require sets the error if a member is absent.
func (r *reader) require(name string, present bool) {
	if !present && r.err == nil {
		r.err = fmt.Errorf("no %s", name)
	}
}

// rest returns the JSON object of the members that were not taken, and the first
// error. It is a Secret because a member that this package does not know may be one.
func (r *reader) rest() (awstokens.Secret, error) {
	if r.err != nil || len(r.members) == 0 {
		return awstokens.Secret{}, r.err
	}
	text, err := json.Marshal(r.members)
	return awstokens.NewSecret(string(text)), err
}

// maxYear is the last year that timeLayout can represent.
const maxYear = 9999

// timeLayout is the format that times are written in.
const timeLayout = "2006-01-02T15:04:05Z"

// writer is the members of a JSON object. It leaves out those that are empty.
type writer map[string]any

func (w writer) string(name, value string) {
	if value != "" {
		w[name] = value
	}
}

func (w writer) time(name string, value time.Time) {
	if !value.IsZero() {
		if value.After(never) {
			value = never
		}
		w[name] = value.UTC().Format(timeLayout)
	}
}

func list[S ~string](w writer, name string, values []S) {
	if len(values) > 0 {
		w[name] = values
	}
}

// json returns the object, with the members that a reader left.
func (w writer) json(rest awstokens.Secret) ([]byte, error) {
	var others map[string]json.RawMessage // not any, which would change numbers
	if !rest.IsZero() {
		if err := json.Unmarshal(rest.AppendReveal(nil), &others); err != nil {
			return nil, err
		}
	}
	for name, value := range others {
		if _, known := w[name]; !known {
			w[name] = value
		}
	}
	return json.Marshal(w)
}
