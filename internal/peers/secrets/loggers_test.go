package secrets_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/davecgh/go-spew/spew"
	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// The other files of this directory are links to those of internal/secrets, so
// that the same values are shown in the same shapes. This one adds the loggers
// and dumpers of other modules, which must not enter the library's
// dependencies.
func init() { ways = append(ways, slices.Concat(loggers, dumpers)...) }

var loggers = []way{
	{"zap, JSON", logged(func(out io.Writer, v any) { zapTo(zapcore.NewJSONEncoder, out, v) }), isHidden},
	{"zap, console", logged(func(out io.Writer, v any) { zapTo(zapcore.NewConsoleEncoder, out, v) }), isHidden},
	{"zap, formatted", logged(func(out io.Writer, v any) {
		sugar := newZap(zapcore.NewJSONEncoder, out).Sugar()
		sugar.Debug("m", v)
		sugar.Debugln("m", v)
		sugar.Debugf("%v %+v %#v %s %q %x %d", v, v, v, v, v, v, v)
	}), seesAddress},
	{"zerolog, JSON", logged(zerologTo), isHidden},
	{"zerolog, console", logged(func(out io.Writer, v any) { zerologTo(zerolog.ConsoleWriter{Out: out, NoColor: true}, v) }), isHidden},
	{"zerolog, formatted", logged(func(out io.Writer, v any) {
		l := zerolog.New(out)
		l.Print("m", v)
		l.Log().Msgf("%v %+v %#v %s %q %x %d", v, v, v, v, v, v, v)
	}), seesAddress},
	{"logrus, JSON", logged(func(out io.Writer, v any) { logrusTo(&logrus.JSONFormatter{}, out, v) }), isHidden},
	{"logrus, text", logged(func(out io.Writer, v any) { logrusTo(&logrus.TextFormatter{DisableQuote: true}, out, v) }), seesAddress},
	{"logrus, quoted", logged(func(out io.Writer, v any) { logrusTo(&logrus.TextFormatter{}, out, v) }), seesAddress},
	{"logrus, formatted", logged(func(out io.Writer, v any) {
		l := newLogrus(&logrus.TextFormatter{}, out)
		l.Debug("m", v)
		l.Debugln("m", v)
		l.Debugf("%v %+v %#v %s %q %x %d", v, v, v, v, v, v, v)
	}), seesAddress},
}

func newZap(encoder func(zapcore.EncoderConfig) zapcore.Encoder, out io.Writer) *zap.Logger {
	return zap.New(zapcore.NewCore(encoder(zap.NewDevelopmentEncoderConfig()), zapcore.AddSync(out), zap.DebugLevel))
}

func zapTo(encoder func(zapcore.EncoderConfig) zapcore.Encoder, out io.Writer, v any) {
	l := newZap(encoder, out)
	l.With(zap.Any("with", v)).Debug("m", zap.Any("any", v), zap.Reflect("reflect", v), zap.Namespace("inner"), zap.Any("list", []any{v}))
	l.Sugar().With("with", v).Debugw("m", "any", v, "no value")
	l.Sugar().Debugw("m", v) // a key without a value
}

func zerologTo(out io.Writer, v any) {
	l := zerolog.New(out)
	l.Log().Interface("interface", v).Any("any", v).Fields(map[string]any{"field": v}).Dict("dict", zerolog.Dict().Any("inner", []any{v})).Send()
	with := l.With().Interface("with", v).Logger()
	with.Log().Send()
}

func newLogrus(format logrus.Formatter, out io.Writer) *logrus.Logger {
	l := logrus.New()
	l.Out, l.Formatter, l.Level = out, format, logrus.DebugLevel
	return l
}

func logrusTo(format logrus.Formatter, out io.Writer, v any) {
	newLogrus(format, out).WithField("with", v).WithFields(logrus.Fields{"field": v, "list": []any{v}}).Debug("m")
}

var dumpers = []way{
	{"spew", func(v any) string { return spew.Sdump(v) }, seesAll},
	{"spew without methods", func(v any) string {
		return (&spew.ConfigState{Indent: " ", DisableMethods: true, DisablePointerMethods: true}).Sdump(v)
	}, seesAll},
	{"spew after methods", func(v any) string { return (&spew.ConfigState{Indent: " ", ContinueOnMethod: true}).Sdump(v) }, seesAll},
	{"spew, formatted", func(v any) string { return spew.Sprintf("%v %+v %#v %#+v %s %x", v, v, v, v, v, v) }, seesAll},
	{"go-cmp", func(v any) string {
		other := reflect.New(reflect.TypeOf(v)).Elem()
		if other.Kind() == reflect.Pointer {
			other.Set(reflect.New(other.Type().Elem()))
		}
		return diff(v, other.Interface()) + diff([]any{v}, []any{})
	}, seesAll},
}

// diff is go-cmp's. It calls a method Equal of a type, which may not take a nil
// pointer.
func diff(a, b any) (text string) {
	defer func() {
		if p := recover(); p != nil {
			text = fmt.Sprint(p)
		}
	}()
	return cmp.Diff(a, b, cmp.Exporter(func(reflect.Type) bool { return true }))
}

// TestMain runs the tests where those that are linked to expect to be.
func TestMain(m *testing.M) {
	if err := os.Chdir("../../secrets"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// TestLinks: every file that shows values is linked to. What calls say in errors
// and logs is shown in internal/secrets alone.
func TestLinks(t *testing.T) {
	files, err := filepath.Glob("*_test.go")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		if file != "calls_test.go" {
			link, err := os.Readlink(filepath.Join("..", "peers", "secrets", file))
			assert.NoError(t, err, file)
			assert.Equal(t, "../../secrets/"+file, link)
		}
	}
}
