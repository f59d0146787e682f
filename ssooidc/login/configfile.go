package login

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strings"

	"github.com/seed-25f54b62/awstokens/internal/atomicfile"
)

// maxConfigFile is far above what a config file has with a thousand profiles.
const maxConfigFile = 16 << 20

// LoadSession reads the section [sso-session NAME] of the AWS config file, which
// is the one that the environment variable AWS_CONFIG_FILE names, or
// ~/.aws/config; where HOME is not set, the password database tells the home
// directory. It returns an error if there is no such section, or one without
// sso_start_url or sso_region, and if the file is not a regular one.
func LoadSession(name string) (Session, error) {
	path, err := configPath()
	if err != nil {
		return Session{}, fmt.Errorf("AWS config file: %w", err)
	}
	text, err := atomicfile.Read(path, maxConfigFile)
	if err != nil {
		return Session{}, fmt.Errorf("AWS config file: %w", err)
	}
	settings, ok := ssoSession(string(text), name)
	if !ok || name == "" { // which would be another kind of session
		return Session{}, fmt.Errorf("%s has no [sso-session %s]: create it with aws configure sso-session", path, quoteName(name))
	}
	for _, setting := range []string{"sso_start_url", "sso_region"} {
		if settings[setting] == "" {
			return Session{}, fmt.Errorf("%s: [sso-session %s] has no %s", path, quoteName(name), setting)
		}
	}
	s := Session{Name: name, StartURL: settings["sso_start_url"], Region: settings["sso_region"]}
	for scope := range strings.SplitSeq(settings["sso_registration_scopes"], ",") {
		if scope = strings.TrimSpace(scope); scope != "" {
			s.Scopes = append(s.Scopes, scope)
		}
	}
	return s, nil
}

// homeDir is the user's home directory: $HOME (%USERPROFILE% on Windows), or
// what the password database says, as with the AWS CLI. A program that was built
// without cgo reads /etc/passwd only.
func homeDir() (string, error) {
	home, err := os.UserHomeDir()
	if err == nil {
		return home, nil
	}
	who, unknown := user.Current()
	if unknown != nil || who.HomeDir == "" {
		return "", err
	}
	return who.HomeDir, nil
}

// configPath is where the AWS config file is. A tilde in the variable is the
// home directory, also if no shell has replaced it.
func configPath() (string, error) {
	path := os.Getenv("AWS_CONFIG_FILE")
	rest, tilde := strings.CutPrefix(path, "~")
	if path != "" && !(tilde && (rest == "" || os.IsPathSeparator(rest[0]))) {
		return path, nil
	}
	home, err := homeDir()
	if err != nil {
		return "", err
	}
	if path == "" {
		rest = filepath.Join(".aws", "config")
	}
	return filepath.Join(home, rest), nil
}

// quoteName writes a name as the config file requires it.
func quoteName(name string) string {
	if name == "" || strings.ContainsAny(name, " \t'\"\\") {
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `"`
	}
	return name
}

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
