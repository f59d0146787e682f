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
	// Show shows a request. The deadline of the context is how long the user has.
	// The context ends when the login has succeeded or failed. Then Show must
	// return: Login waits 2 seconds for it, and no longer. Show may return
	// earlier. If it returns an error before the context ends, Login returns that
	// error.
	//
	// In FlowBrowser, whether a browser was opened or not, paste takes the
	// address of the browser's last page, if the redirect did not arrive. It
	// returns an error for any other string, and the user may retry. In
	// FlowDevice, paste is nil.
	Show(ctx context.Context, r Request, paste func(url string) error) error
}

// PromptFunc is a function that is a [Prompt].
type PromptFunc func(ctx context.Context, r Request, paste func(url string) error) error

// Show calls f.
func (f PromptFunc) Show(ctx context.Context, r Request, paste func(url string) error) error {
	return f(ctx, r, paste)
}

// Request is what the user is asked to do: open a page and approve the login there.
// What the service has sent of it is on one line, without control characters.
type Request struct {
	Session Session

	// Flow is FlowDevice or FlowBrowser.
	Flow Flow

	// URL is the page to open. It is secret, because whoever has it can
	// approve in the user's place.
	URL awstokens.Secret

	// Opened says that a browser has been opened at URL.
	Opened bool

	// UserCode is the code that the page must show in FlowDevice. PlainURL is the
	// page where the user types the code instead of opening URL.
	UserCode awstokens.Secret
	PlainURL string
}

// promptTime is how long a prompt may take to return after its context has ended.
const promptTime = 2 * time.Second

// show starts the prompt. The context that it returns ends with the prompt's
// error, if there is one. Stop ends the prompt, and waits for promptTime at most.
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
		select {
		case <-done:
		case <-time.After(promptTime):
		}
	}
}

// Terminal is a [Prompt] that writes to Out what the user must do and how much time
// is left, which it counts down if Out is a terminal.
//
// In FlowBrowser it also reads In, line by line, for the address to paste. If a
// browser was opened and In is a file but not a terminal, Terminal does not read
// it: it is the program's input, and nobody types there. A read cannot be
// cancelled: after the login, a read may still wait and take the next line. If the
// program itself reads from the terminal, leave In nil.
type Terminal struct {
	In  io.Reader
	Out io.Writer
}

var _ Prompt = (*Terminal)(nil)

// Show implements [Prompt].
func (t *Terminal) Show(ctx context.Context, r Request, paste func(string) error) error {
	if _, err := io.WriteString(t.Out, instructions(r)); err != nil {
		return err
	}
	var lines <-chan string
	if r.Flow == FlowBrowser && t.In != nil && !(r.Opened && isFile(t.In) && !isTerminal(t.In)) {
		fmt.Fprintln(t.Out, "If that browser is on another machine, or its last page is an error, paste the address of its last page here.")
		lines = readLines(ctx, t.In)
	}
	deadline, _ := ctx.Deadline()
	var second <-chan time.Time
	if lines == nil && isTerminal(t.Out) { // the countdown would overwrite what the user types
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
				fmt.Fprintln(t.Out, "That is not the address. Paste the whole address of the browser's last page.")
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

// isTerminal reports whether a stream is a character device. It need not be a
// terminal, but a countdown does no harm to other devices.
func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// maxPaste is far above the length of an address with a code.
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
