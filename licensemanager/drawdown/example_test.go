package drawdown_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/licensemanager/drawdown"
)

// A product counts what its customer uses, until the license is used up.
func Example() {
	server, err := awstokenstest.Start() // against AWS: package tokencreds
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	client, err := licensemanager.New(server.Config())
	if err != nil {
		fmt.Println(err)
		return
	}
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)

	ctx := context.Background()
	m, err := drawdown.New(client, drawdown.Request{
		ProductSKU:     server.LicenseManager().ProductSKU(),
		KeyFingerprint: server.LicenseManager().KeyFingerprint(), // without it, AWS Marketplace's
	}, filepath.Join(dir, "usage.journal"))
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 4 {
		if err := m.Add(awstokenstest.Seats, 2); err != nil {
			fmt.Println(err)
			return
		}
	}
	fmt.Println(m.Flush(ctx), m.Totals()[awstokenstest.Seats].Charged)

	if err := m.Add(awstokenstest.Seats, 3); err != nil {
		fmt.Println(err)
		return
	}
	var denied *drawdown.DeniedError
	if errors.As(m.Close(ctx), &denied) {
		fmt.Println(denied.Reason, denied.N, "asked,", denied.Left, "left")
	}
	// Output:
	// <nil> 8
	// used_up 3 asked, 2 left
}
