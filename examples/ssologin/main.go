// Command ssologin logs in to IAM Identity Center, lists the accounts and
// roles of the user, and gets credentials of the first role. Secrets are not
// printed.
//
//	go run ./examples/ssologin
//
// By default it starts an emulator, and the user approves the login on a page of
// that; with -auto, the program approves it. At AWS, it logs in to an
// [sso-session NAME] of the AWS config file, and shares the login with the AWS CLI:
//
//	go run ./examples/ssologin -session my-sso
//
// If AWS_ENDPOINT_URL is the URL of examples/emulator, it uses that emulator, also
// with -auto.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/ssooidc/login"
	"github.com/seed-25f54b62/awstokens/ssooidc/portal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	switch err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "ssologin:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("ssologin", flag.ContinueOnError)
	flags.SetOutput(stderr)
	name := flags.String("session", "", "log in to the sso-session `NAME` of the AWS config file")
	auto := flags.Bool("auto", false, "approve the login, which only an emulator permits")
	device := flags.Bool("device", false, "show a page and a code even where a browser can be opened")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}

	session, cfg, store, stop, err := open(*name)
	if err != nil {
		return err
	}
	defer stop()
	if *auto && cfg.BaseEndpoint == "" {
		return errors.New("-auto is for an emulator: set AWS_ENDPOINT_URL")
	}
	for range 2 {
		var token *login.Token
		token, err = login.Login(ctx, session, func(o *login.Options) {
			o.Store, o.Config = store, cfg
			o.Prompt = &login.Terminal{In: os.Stdin, Out: stderr}
			if *device || *auto {
				o.Flow = login.FlowDevice
			}
			if *auto {
				o.Prompt = approver{}
			}
		})
		if err != nil {
			return err
		}
		fmt.Fprintf(stdout, "Logged in to %s until %s.\n", session, token.ExpiresAt.Local().Format(time.DateTime))
		err = show(ctx, session, cfg, store, stdout)
		if !login.Needed(err) {
			return err
		}
		// The session was ended elsewhere, which only the portal knew: log in again.
	}
	return err
}

// open returns the session to log in to, and the configuration and the store for it.
// Without a name, they are of an emulator in this process.
func open(name string) (login.Session, awstokens.Config, login.Store, func(), error) {
	if name == "" {
		server, err := awstokenstest.Start()
		if err != nil {
			return login.Session{}, awstokens.Config{}, nil, nil, err
		}
		session := login.Session{Name: "example", StartURL: "https://example.awsapps.com/start", Region: server.Config().Region}
		return session, server.Config(), login.NewMemoryStore(), server.Close, nil
	}
	session, err := login.LoadSession(name)
	if err != nil {
		return login.Session{}, awstokens.Config{}, nil, nil, err
	}
	cfg, err := awstokens.ConfigFromEnv()
	if err != nil {
		return login.Session{}, awstokens.Config{}, nil, nil, err
	}
	store, err := login.NewFileStore("")
	return session, cfg, store, func() {}, err
}

// show lists the user's roles, and gets credentials of the first one.
func show(ctx context.Context, session login.Session, cfg awstokens.Config, store login.Store, stdout io.Writer) error {
	tokens, err := login.NewProvider(session, func(o *login.ProviderOptions) { o.Store, o.Config = store, cfg })
	if err != nil {
		return err
	}
	defer wait(ctx, tokens)
	var first portal.Role
	var account string
	for role, err := range portal.Roles(ctx, cfg, tokens) {
		if err != nil {
			return err
		}
		if account != role.Account.AccountId {
			account = role.Account.AccountId
			fmt.Fprintf(stdout, "%s %s\n", account, role.Account.AccountName)
		}
		fmt.Fprintf(stdout, "    %s\n", role.RoleName)
		if first.RoleName == "" {
			first = role
		}
	}
	if first.RoleName == "" {
		fmt.Fprintln(stdout, "No role is assigned to the user.")
		return nil
	}
	provider, err := portal.RoleCredentials(cfg, tokens, first.Account.AccountId, first.RoleName)
	if err != nil {
		return err
	}
	defer wait(ctx, provider)
	creds, err := provider.Retrieve(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "Credentials of %s in %s: access key %s, until %s.\n",
		first.RoleName, first.Account.AccountId, creds.AccessKeyID, creds.Expires.Local().Format(time.DateTime))
	return nil
}

// wait waits for a refresh of the login, also after a signal: a program that exits in
// the middle of it may lose the login.
func wait(ctx context.Context, provider interface{ Wait(context.Context) error }) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	_ = provider.Wait(ctx)
}

// approver is a Prompt that approves the login itself: it sends the code to the
// device page as the page's form does. Only an emulator accepts that.
type approver struct{}

func (approver) Show(ctx context.Context, r login.Request, _ func(string) error) error {
	form := url.Values{"user_code": {r.UserCode.Reveal()}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.PlainURL, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the device page responded with %s", resp.Status)
	}
	return nil
}
