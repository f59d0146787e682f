// Package awstokenstest provides AWS License Manager, IAM Identity Center and
// AWS STS for tests: in memory, on one loopback URL, for the clients of this
// module, the AWS CLI and other SDKs.
//
// # Overview
//
// A test starts a server, points clients at it with [Server.Config], and
// controls each service by a value of its own:
//
//	func TestLicensedProduct(t *testing.T) {
//		server := awstokenstest.NewServer(t)
//		service := server.LicenseManager()
//		client, err := licensemanager.New(server.Config())
//		require.NoError(t, err)
//
//		// The first response is lost. The retry gets the same token.
//		service.Next(1, "CreateToken").LoseAnswer()
//		created, err := client.CreateToken(t.Context(), &licensemanager.CreateTokenInput{
//			ClientToken: licensemanager.NewClientToken(),
//			LicenseArn:  service.LicenseARN(),
//			RoleArns:    []string{service.RoleARN()},
//		})
//		require.NoError(t, err)
//		assert.Equal(t, 2, service.Requests("CreateToken"))
//
//		// After a year, it has expired.
//		server.Advance(366 * 24 * time.Hour)
//		_, err = client.GetAccessToken(t.Context(), &licensemanager.GetAccessTokenInput{Token: created.Token})
//		var denied *licensemanager.AccessDeniedException
//		require.ErrorAs(t, err, &denied)
//	}
//
// The server verifies signatures, checks inputs by the published constraints,
// signs real JWTs and lets everything expire by its own clock, which
// [Server.SetTime], [Server.Advance] and [Server.Freeze] set.
//
// # Script a fault
//
// [Service.Next] and [Service.OneIn] choose the requests that a fault is for,
// and a method of [Faults] what happens to them:
//
//	server.LicenseManager().Next(2, "CheckoutLicense").Throttle() // the next two requests
//	server.LicenseManager().OneIn(3, "").Delay(time.Second)       // every third request for any operation
//	server.IdentityCenter().Next(1, "CreateToken").LoseAnswer()   // processed, but the response is lost
//	server.IdentityCenter().Next(1, "CreateToken").DelayAnswer(time.Minute) // processed, but the response is late
//	server.STS().Next(1, "AssumeRole").Refuse("AccessDenied", "not authorized", nil)
//	server.LicenseManager().OneIn(1, "").Cut() // an outage
//	server.ClearFaults()                       // its end
//
// [Service.Requests] counts requests, so that a test notices a retry. Faults and
// counters belong to a service, because two of them have an operation
// CreateToken.
//
// A retry waits in real time. To avoid the wait, use synthetic time, or give the
// client an [awstokens.StandardRetryer] with a negative BaseDelay.
//
// # Synthetic time
//
// A server with [Options].InProcess does not listen. It works in a bubble of
// testing/synctest, where a test lives through weeks in milliseconds:
//
//	func TestOutage(t *testing.T) {
//		synctest.Test(t, func(t *testing.T) {
//			server := awstokenstest.NewServer(t, func(o *awstokenstest.Options) { o.InProcess = true })
//			service := server.LicenseManager()
//			client, err := licensemanager.New(server.Config())
//			require.NoError(t, err)
//			seat := lease.Keep(t.Context(), client, lease.Request{
//				ProductSKU:     service.ProductSKU(),
//				KeyFingerprint: service.KeyFingerprint(),
//				Entitlements:   []licensemanager.EntitlementData{licensemanager.Count(awstokenstest.Seats, 1)},
//			})
//			time.Sleep(time.Minute)
//			assert.Equal(t, lease.StateActive, seat.State())
//
//			service.OneIn(1, "").Throttle() // an outage
//			time.Sleep(45 * time.Minute)
//			assert.Equal(t, lease.StateDegraded, seat.State(), "still licensed")
//			time.Sleep(time.Hour)
//			assert.Equal(t, lease.StateLost, seat.State(), "the seat has expired")
//
//			server.ClearFaults()
//			time.Sleep(7 * 24 * time.Hour) // a week of renewals
//			assert.Equal(t, lease.StateActive, seat.State())
//			require.NoError(t, seat.Close(t.Context()))
//		})
//	}
//
// The bubble's time stands still while a goroutine waits for something outside,
// such as a socket or a process. So login.FlowBrowser, which waits on a port for
// the browser, has no timeout there: with AutoApprove, its Prompt must request the
// page with the HTTPClient of [Server.Config] and paste the Location of the
// response. login.FlowDevice needs nothing of the kind.
//
// A bubble panics if goroutines remain at its end. A Close of lease whose context
// has ended continues for up to a minute: sleep for a minute after it.
//
// # Processes
//
// [Server.Environ] is the environment for a program that a test runs:
//
//	cmd := exec.Command("corp", "login")
//	cmd.Env = append(server.Environ(), "HOME="+t.TempDir())
//
// # Services
//
// [Server.LicenseManager] starts with a license that can be checked out
// without further set-up, and keeps licenses, grants and checkouts as AWS does.
//
// [Server.IdentityCenter] is the OIDC service and the access portal. The test
// plays the user: [IdentityCenter.ApproveDevice] approves a login by the code
// that the user would type, [IdentityCenter.Authorize] consents to one in a
// browser, [IdentityCenter.SignIn] skips the login, and [IdentityCenter.UserJWT]
// returns the JWT of a user of another identity provider.
//
// [Server.STS] issues credentials, which the server then accepts.
//
// # A page to watch
//
// With [Options.Window], [Server.URL] shows in a browser what the server holds
// and, while the page is open, each request with the reason why it was refused.
//
// # Limits
//
// The cost of a call does not grow with what the server holds, except that of a
// list operation that passes over much: what its filters leave out, or what
// belongs to other accounts. The server forgets what expired more than a day
// ago, and keeps at least the 5,000 newest registrations and the 50,000 refresh
// tokens of Identity Center that were used last. Deleted licenses and ended
// grants stay listed.
//
// A server listens on a loopback address only, because its keys are public, and
// refuses requests whose header Host is neither that address nor localhost.
//
// # What AWS does not publish
//
// Where AWS does not publish how a service behaves, the server's choice is an
// option, or it is documented at the method that it concerns. Do not rely on it
// in production code. Access and refresh tokens of Identity Center are opaque;
// an access token lives one hour.
package awstokenstest
