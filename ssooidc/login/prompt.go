package login

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/redact"
)

// Prompt tells the user what to do.
type Prompt interface {
	// Show shows a request. The context ends when the request is over, however
	// it ended, and Login waits for Show to return then; its deadline is how
	// long the user has. Show may return earlier. If it returns an error, the
	// login ends with that error.
	//
	// In FlowBrowser, whether a browser was opened or not, paste takes the
	// address that a browser ended at whose redirect did not arrive. It returns
	// an error for anything else, and the user may retry. In FlowDevice, it is
	// nil.
	Show(ctx context.Context, r Request, paste func(url string) error) error
}

// PromptFunc makes a function a [Prompt].
type PromptFunc func(ctx context.Context, r Request, paste func(url string) error) error

// Show calls f.
func (f PromptFunc) Show(ctx context.Context, r Request, paste func(url string) error) error {
	return f(ctx, r, paste)
}

// Request is what the user is asked to do: open a page and approve. What the
// service has sent of it is on one line and has no control characters.
type Request struct {
	Session Session

	// Flow is FlowDevice or FlowBrowser.
	Flow Flow

	// URL is the page to open. It is secret, because whoever has it can
	// approve in the user's place.
	URL awstokens.Secret

	// Opened says that a browser was opened at URL already.
	Opened bool

	// UserCode is what the page of FlowDevice must show. PlainURL is that page
	// without the code in it, where the user types it.
	UserCode awstokens.Secret
	PlainURL string
}

// show starts the prompt. The context that it returns ends with the prompt's
// error, if there is one. Stop ends the prompt and waits for it.
func (l *login) show(ctx context.Context, r Request, paste func(string) error) (_ context.Context, stop func()) {
	ctx, fail := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := l.Prompt.Show(ctx, r, paste); err != nil && ctx.Err() == nil {
			fail(fmt.Errorf("prompt: %w", err))
		}
	}()
	return ctx, func() {
		fail(nil)
		<-done
	}
}

// Terminal is a [Prompt] that writes what to do to Out, with the time that is
// left, which it counts down if Out is a terminal.
//
// For FlowBrowser it also reads In, unless that is nil, for the address to paste,
// one a line. A read cannot be undone: one may still be waiting after the login,
// and takes the next line. If a browser was opened and In is a file that is no
// terminal, it is left alone: it is the program's input, and nobody types there.
// Set In to nil if the program itself goes on to read from the terminal.
type Terminal struct {
	In  io.Reader
	Out io.Writer
}

// defaultTerminal writes to standard error, because standard output is the
// program's.
func defaultTerminal() *Terminal { return &Terminal{In: os.Stdin, Out: os.Stderr} }

var _ Prompt = (*Terminal)(nil)

// Show implements [Prompt].
func (t *Terminal) Show(ctx context.Context, r Request, paste func(string) error) error {
	if _, err := io.WriteString(t.Out, instructions(r)); err != nil {
		return err
	}
	var lines <-chan string
	if r.Flow == FlowBrowser && t.In != nil && !(r.Opened && isFile(t.In) && !isTerminal(t.In)) {
		fmt.Fprintln(t.Out, "If that browser is on another machine, or shows an error in the end, paste the address here that it ends at.")
		lines = readLines(ctx, t.In)
	}
	deadline, _ := ctx.Deadline()
	var second <-chan time.Time
	if lines == nil && isTerminal(t.Out) { // a line that is typed into cannot count
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		second = ticker.C
		fmt.Fprint(t.Out, countdown(deadline))
		defer fmt.Fprintf(t.Out, "\r%*s\r", len(countdown(deadline)), "")
	} else {
		fmt.Fprintf(t.Out, "Time left: %s.\n", left(deadline))
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-second:
			fmt.Fprint(t.Out, "\r"+countdown(deadline))
		case line, ok := <-lines:
			if !ok {
				lines = nil
			} else if paste(line) != nil {
				fmt.Fprintln(t.Out, "This was not it. Paste the whole address of the last page.")
			}
		}
	}
}

func instructions(r Request) string {
	to := redact.Line(cmp.Or(r.Session.Name, r.Session.StartURL))
	url := redact.Line(r.URL.Reveal())
	switch {
	case r.Flow == FlowDevice:
		return fmt.Sprintf("To log in to %s, open this page in a browser on any machine:\n\n    %s\n\nApprove if it shows the code %s, or type that at %s\n\n",
			to, url, redact.Line(r.UserCode.Reveal()), redact.Line(r.PlainURL))
	case r.Opened:
		return fmt.Sprintf("To log in to %s, approve in the browser that opens. If none does, open this page:\n\n    %s\n\n", to, url)
	default:
		return fmt.Sprintf("To log in to %s, open this page in a browser:\n\n    %s\n\n", to, url)
	}
}

func countdown(deadline time.Time) string {
	return fmt.Sprintf("Waiting for approval. Time left: %5s", left(deadline))
}

func left(deadline time.Time) string {
	seconds := max(0, int(time.Until(deadline).Round(time.Second)/time.Second))
	return fmt.Sprintf("%d:%02d", seconds/60, seconds%60)
}

func isFile(stream any) bool {
	_, ok := stream.(*os.File)
	return ok
}

// isTerminal reports whether a stream is a device, which is close enough: a line
// that counts does no harm to other devices.
func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// maxPaste is far above the length of an address with a code in it.
const maxPaste = 1 << 20

// readLines sends lines until there are no more, and then closes the channel.
func readLines(ctx context.Context, r io.Reader) <-chan string {
	lines := make(chan string)
	go func() {
		defer close(lines)
		scanner := bufio.NewScanner(r)
		scanner.Buffer(nil, maxPaste)
		for scanner.Scan() {
			if strings.TrimSpace(scanner.Text()) == "" {
				continue
			}
			select {
			case lines <- scanner.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	return lines
}
