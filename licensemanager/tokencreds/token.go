package tokencreds

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/atomicfile"
)

// Source returns the refresh token, in any of the forms that a token file can have
// (see the package documentation). It is called for every renewal of the
// credentials, and again for a token that is malformed or refused; never
// concurrently.
type Source func(context.Context) (awstokens.Secret, error)

// Token returns a [Source] of a fixed token.
func Token(token awstokens.Secret) Source {
	return func(context.Context) (awstokens.Secret, error) { return token, nil }
}

// maxFile is far more than a token of 4096 characters needs in any form.
const maxFile = 64 << 10

// File returns a [Source] that reads a regular file of at most 64 KiB.
func File(path string) Source {
	return func(context.Context) (awstokens.Secret, error) {
		text, err := atomicfile.Read(path, maxFile)
		return awstokens.NewSecret(string(text)), err
	}
}

// around are characters that a file may have around a token: a byte order mark,
// white space, quotes, and the NUL of a C program.
const around = "\ufeff \t\r\n\v\f\"'\x00"

func malformed(why string) error { return fmt.Errorf("%w: %s", ErrTokenMalformed, why) }

// parse finds the token in what a Source returned. An error is ErrTokenMalformed and
// says what is wrong, without the text.
func parse(source awstokens.Secret) (awstokens.Secret, error) {
	text := strings.Trim(source.Reveal(), around)
	if strings.HasPrefix(text, "{") {
		var created struct{ Token string }
		if json.Unmarshal([]byte(text), &created) != nil {
			return awstokens.Secret{}, malformed("it is neither a token nor valid JSON")
		}
		text = strings.Trim(created.Token, around)
	}
	lines := strings.FieldsFunc(text, func(r rune) bool { return r == '\r' || r == '\n' })
	if len(lines) == 2 {
		text = below(lines[0], lines[1])
	}
	switch {
	case text == "":
		return awstokens.Secret{}, malformed("it is empty")
	case strings.HasPrefix(text, "\xff\xfe"), strings.HasPrefix(text, "\xfe\xff"):
		return awstokens.Secret{}, malformed("it is in UTF-16; store it in UTF-8")
	case !utf8.ValidString(text), strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == '\x7f' }):
		return awstokens.Secret{}, malformed("it contains white space or other characters that no token has")
	}
	return awstokens.NewSecret(text), nil
}

// below returns the value of a CSV file that is below the header Token, or the only
// value below any other header. If there is none it returns both lines.
func below(header, line string) string {
	names, values := strings.Split(header, ","), strings.Split(line, ",")
	for i, name := range names {
		name = strings.ToLower(strings.Trim(name, around))
		isHeader := len(names) == 1 && len(name) <= 32 && !strings.Contains(name, ".") // not the first half of a token
		if len(names) == len(values) && (isHeader || name == "token" || name == "refresh token" || name == "refreshtoken") {
			return strings.Trim(values[i], around)
		}
	}
	return header + "\n" + line
}
