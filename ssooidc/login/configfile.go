package login

import "strings"

// ssoSession returns the settings of a section [sso-session NAME]. It reads
// the config file as the AWS CLI does: comments are whole lines; a line that
// is indented deeper than a setting continues its value, so that the settings
// of a nested block are not the section's; names of settings have no case; a
// section that occurs twice is one. Like the SDKs, and unlike the CLI, it takes
// a space and # or ; in a value for a comment: no setting of a session can have
// a space there.
func ssoSession(text, name string) (settings map[string]string, found bool) {
	var (
		inside  bool   // of a section of that name
		setting string // the last one in it
		depth   int    // its indentation
	)
	settings = make(map[string]string)
	for line := range strings.Lines(strings.TrimPrefix(text, "\ufeff")) {
		trimmed := strings.TrimSpace(line)
		indent := len(line) - len(strings.TrimLeft(line, " \t"))
		switch {
		case trimmed == "", trimmed[0] == '#', trimmed[0] == ';':
			continue
		case setting != "" && indent > depth:
			if inside {
				settings[setting] += "\n" + withoutComment(trimmed)
			}
			continue
		case trimmed[0] == '[':
			header, _, _ := strings.Cut(trimmed[1:], "]")
			words := splitWords(header)
			inside = len(words) == 2 && words[0] == "sso-session" && words[1] == name
			found = found || inside
			setting = ""
			continue
		}
		end := strings.IndexAny(trimmed, "=:")
		if end < 0 {
			continue
		}
		setting, depth = strings.ToLower(strings.TrimSpace(trimmed[:end])), indent
		if inside {
			settings[setting] = withoutComment(trimmed[end+1:])
		}
	}
	return settings, found
}

// withoutComment cuts a comment off a value. A start URL may have a # in it,
// but no space before it.
func withoutComment(value string) string {
	for i := 1; i < len(value); i++ {
		if (value[i] == '#' || value[i] == ';') && (value[i-1] == ' ' || value[i-1] == '\t') {
			value = value[:i]
		}
	}
	return strings.TrimSpace(value)
}

// splitWords splits text at white space as a POSIX shell does, with its quotes
// and backslashes. It returns nil if one has no end.
func splitWords(text string) []string {
	var words []string
	var word strings.Builder
	var quote byte // the quote that is open
	begun := false // there is a word, which may be empty
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\' && quote != '\'':
			if i++; i == len(text) {
				return nil
			}
			if quote == '"' && text[i] != '"' && text[i] != '\\' {
				word.WriteByte('\\') // nothing else is escaped there
			}
			word.WriteByte(text[i])
			begun = true
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote, begun = c, true
		case quote == 0 && (c == ' ' || c == '\t'):
			if begun {
				words = append(words, word.String())
			}
			word.Reset()
			begun = false
		default:
			word.WriteByte(c)
			begun = true
		}
	}
	if quote != 0 {
		return nil
	}
	if begun {
		words = append(words, word.String())
	}
	return words
}
