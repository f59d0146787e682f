package login

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/user"
	"path/filepath"
	"strings"

	"github.com/seed-25f54b62/awstokens/internal/atomicfile"
	"github.com/seed-25f54b62/awstokens/internal/redact"
)

// maxConfigFile is far above the size of a config file with a thousand profiles.
const maxConfigFile = 16 << 20

// homeDir returns the user's home directory as the AWS CLI does: $HOME
// (%USERPROFILE% on Windows), or else that of the password database.
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

// configPath returns the path of the AWS config file. A tilde in the variable is
// the home directory.
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

// quoteName quotes a name for a section's header, if necessary.
func quoteName(name string) string {
	if name == "" || strings.ContainsAny(name, " \t'\"\\") {
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `"`
	}
	return name
}

// The kinds of sections that matter here.
const (
	sessionKind = "sso-session"
	profileKind = "profile"
)

// header returns the header of a section for an error.
func header(kind, name string) string {
	if kind == profileKind && name == defaultProfile {
		return "[default]"
	}
	return "[" + kind + " " + redact.Line(quoteName(name)) + "]"
}

// awsConfig is the AWS config file.
type awsConfig struct {
	path     string
	profiles []string // their names, in the file's order

	// The settings of sections by their headers, of the same sections by their
	// names, and of [DEFAULT].
	byHeader map[string]map[string]string
	byName   map[sectionName]map[string]string
	defaults map[string]string
}

type sectionName struct{ kind, name string }

func readConfigFile() (*awsConfig, error) {
	path, err := configPath()
	if err != nil {
		return nil, fmt.Errorf("AWS config file: %w", err)
	}
	text, err := atomicfile.Read(path, maxConfigFile)
	switch {
	case err != nil:
		return nil, fmt.Errorf("AWS config file: %w", err)
	case bytes.IndexByte(text, 0) >= 0, bytes.HasPrefix(text, []byte("\xff\xfe")), bytes.HasPrefix(text, []byte("\xfe\xff")):
		return nil, fmt.Errorf("%s is in UTF-16 or another encoding than UTF-8: save it as UTF-8", path)
	}
	file := parseConfig(string(text))
	file.path = path
	return file, nil
}

// find returns a copy of the settings of a section, with those of [DEFAULT].
func (f *awsConfig) find(kind, name string) (settings map[string]string, found bool) {
	own, found := f.byName[sectionName{kind, name}]
	if !found {
		return nil, false
	}
	settings = maps.Clone(f.defaults)
	maps.Copy(settings, own)
	return settings, true
}

func (f *awsConfig) has(kind, name string) bool {
	_, found := f.byName[sectionName{kind, name}]
	return found
}

// require returns an error for the first setting that is missing in a section.
func (f *awsConfig) require(section string, settings map[string]string, names ...string) error {
	for _, name := range names {
		if settings[name] == "" {
			return fmt.Errorf("%s: %s has no %s", f.path, section, name)
		}
	}
	return nil
}

// parseConfig parses a config file as the AWS CLI does. A comment is a line. A line
// that is indented deeper than a setting continues its value, so the settings of a
// nested block are not the section's. The case of a setting's name does not matter.
// Two sections with one header are one. A section inherits the settings of
// [DEFAULT]. As in the SDKs, but not in the CLI, a # or ; after a space in a value
// begins a comment: no setting that this package reads has a space.
func parseConfig(text string) *awsConfig {
	file := &awsConfig{
		byHeader: make(map[string]map[string]string),
		byName:   make(map[sectionName]map[string]string),
		defaults: make(map[string]string),
	}
	var (
		settings map[string]string // of the section, nil before the first
		setting  string            // the last one in it
		depth    int               // the indentation of the last setting
	)
	for line := range strings.Lines(strings.TrimPrefix(text, "\ufeff")) {
		trimmed := strings.TrimSpace(line)
		indent := len(line) - len(strings.TrimLeft(line, " \t"))
		switch {
		case trimmed == "", trimmed[0] == '#', trimmed[0] == ';':
			continue
		case setting != "" && indent > depth:
			settings[setting] += "\n" + withoutComment(trimmed)
			continue
		case trimmed[0] == '[':
			header, _, _ := strings.Cut(trimmed[1:], "]")
			settings, setting = file.open(header), ""
			continue
		}
		end := strings.IndexAny(trimmed, "=:")
		if end < 0 || settings == nil {
			continue
		}
		setting, depth = strings.ToLower(strings.TrimSpace(trimmed[:end])), indent
		settings[setting] = withoutComment(trimmed[end+1:])
	}
	return file
}

// open returns the settings of a section for parseConfig to add to. If two headers
// differ but mean the same, such as [profile x] and [profile "x"], the second
// section replaces the first.
func (f *awsConfig) open(header string) map[string]string {
	if header == "DEFAULT" {
		return f.defaults
	}
	if settings, ok := f.byHeader[header]; ok {
		return settings
	}
	settings := make(map[string]string)
	f.byHeader[header] = settings
	var section sectionName
	words := splitWords(header)
	switch {
	case header == defaultProfile:
		section = sectionName{profileKind, defaultProfile}
	case len(words) == 2 && strings.HasPrefix(header, profileKind):
		section = sectionName{profileKind, words[1]}
	case len(words) == 2 && strings.HasPrefix(header, sessionKind):
		section = sectionName{sessionKind, words[1]}
	default:
		return settings
	}
	if section.kind == profileKind && !f.has(profileKind, section.name) {
		f.profiles = append(f.profiles, section.name)
	}
	f.byName[section] = settings
	return settings
}

// withoutComment cuts a comment off a value. A # without a space before it is part
// of the value, such as of a start URL.
func withoutComment(value string) string {
	for i := 1; i < len(value); i++ {
		if (value[i] == '#' || value[i] == ';') && (value[i-1] == ' ' || value[i-1] == '\t') {
			value = value[:i]
		}
	}
	return strings.TrimSpace(value)
}

// splitWords splits a string into words as a POSIX shell does, with quotes and
// backslashes. It returns nil if a quote is not closed or nothing follows a
// backslash.
func splitWords(text string) []string {
	var words []string
	var word strings.Builder
	var quote byte // the quote that is open
	begun := false // a word has begun, which may be empty
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
