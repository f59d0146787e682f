package wire

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
	"unicode/utf8"
)

// scanner reads the syntax of a body. After a violation it stands at the end
// of the body, where every loop ends, so that only the result needs a check.
type scanner struct {
	body   []byte
	pos    int
	depth  int
	failed bool
}

func (s *scanner) fail() {
	s.failed = true
	s.pos = len(s.body)
}

// err returns the error that a whole body leads to.
func (s *scanner) err() error {
	if !s.failed {
		return nil
	}
	trimmed := bytes.TrimLeft(s.body, " \t\r\n")
	var syntax *json.SyntaxError
	switch {
	case len(trimmed) == 0:
		return errors.New("the body is empty")
	case !utf8.Valid(s.body):
		return errors.New("the body is not valid UTF-8")
	case trimmed[0] != '{':
		return errors.New("the body is not a JSON object")
	case s.depth > maxDepth:
		return errors.New("the body is nested too deeply")
	case errors.As(json.Unmarshal(s.body, new(json.RawMessage)), &syntax):
		return fmt.Errorf("the body is not JSON from byte %d on", syntax.Offset)
	}
	return errors.New("the body is not JSON")
}

// peek returns the next byte, or 0 at the end.
func (s *scanner) peek() byte {
	if s.pos < len(s.body) {
		return s.body[s.pos]
	}
	return 0
}

// space skips white space and returns the byte after it, or 0 at the end.
func (s *scanner) space() byte {
	for {
		switch c := s.peek(); c {
		case ' ', '\t', '\r', '\n':
			s.pos++
		default:
			return c
		}
	}
}

// open enters the object or list that end closes, and moves to its first item.
// It returns false, and has left it, if there is none.
func (s *scanner) open(end byte) bool {
	s.pos++
	if s.depth++; s.depth > maxDepth {
		s.fail()
	}
	return s.space() != end && !s.failed || s.next(end)
}

// next moves to the next item of the object or list that end closes, or
// leaves it and returns false.
func (s *scanner) next(end byte) bool {
	c := s.space()
	s.pos++
	switch {
	case s.failed:
	case c == ',':
		s.space()
		return true
	case c == end:
		s.depth--
		return false
	}
	s.fail()
	return false
}

// name reads a member's name and moves to its value.
func (s *scanner) name() []byte {
	if s.peek() != '"' {
		s.fail()
		return nil
	}
	name := s.text()
	if s.space() != ':' {
		s.fail()
		return nil
	}
	s.pos++
	s.space()
	return name
}

// text reads a string.
func (s *scanner) text() []byte {
	start := s.pos
	ascii, escaped := true, false
	for s.pos++; ; {
		s.pos += plainPrefix(s.body[min(s.pos, len(s.body)):])
		switch c := s.peek(); {
		case c == '"':
			s.pos++
			raw := s.body[start:s.pos]
			if !ascii && !utf8.Valid(raw) {
				s.fail()
			} else if escaped {
				return s.unescape(raw)
			}
			return raw[1 : len(raw)-1]
		case c == '\\':
			escaped = true
			s.pos += 2
		case c >= utf8.RuneSelf:
			ascii = false
			s.pos++
		default:
			s.fail()
			return nil
		}
	}
}

func (s *scanner) unescape(raw []byte) []byte {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		s.fail()
	}
	return []byte(text)
}

// literal reads a number, true, false or null.
func (s *scanner) literal() []byte {
	start := s.pos
	for c := s.peek(); c > ' ' && c != ',' && c != ']' && c != '}'; c = s.peek() {
		s.pos++
	}
	text := s.body[start:s.pos]
	switch string(text) {
	case "true", "false", "null":
	default:
		if !json.Valid(text) {
			s.fail()
		}
	}
	return text
}

// skip reads a value of any kind.
func (s *scanner) skip() {
	switch s.peek() {
	case '{':
		for more := s.open('}'); more; more = s.next('}') {
			s.name()
			s.skip()
		}
	case '[':
		for more := s.open(']'); more; more = s.next(']') {
			s.skip()
		}
	case '"':
		s.text()
	default:
		s.literal()
	}
}

// plainPrefix returns how many bytes at the start of b a JSON string holds as
// they are: ASCII, but no quote, backslash or control character. It looks at
// eight bytes at a time, because tokens are long.
func plainPrefix(b []byte) int {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	i := 0
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		// The high bit of a byte is set if the byte is not plain. A borrow can
		// set that of a byte above such a one too, but never of one below.
		odd := (w | (w - ones*' ') | (w ^ ones*'"' - ones) | (w ^ ones*'\\' - ones)) & high
		if odd != 0 {
			return i + bits.TrailingZeros64(odd)/8
		}
	}
	for i < len(b) && b[i] >= ' ' && b[i] < utf8.RuneSelf && b[i] != '"' && b[i] != '\\' {
		i++
	}
	return i
}
