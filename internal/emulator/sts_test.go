package emulator_test

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/sts"
	"github.com/seed-25f54b62/awstokens/licensemanager"
)

func (w *world) webIdentity(access awstokens.Secret) *sts.AssumeRoleWithWebIdentityInput {
	return &sts.AssumeRoleWithWebIdentityInput{RoleArn: w.RoleARN(), RoleSessionName: "session", WebIdentityToken: access}
}

// form sends a form to STS, unsigned.
func (w *world) form(t *testing.T, values url.Values) response {
	t.Helper()
	if !values.Has("Version") {
		values.Set("Version", "2011-06-15")
	}
	return w.send(t, w.request(t, "", "application/x-www-form-urlencoded; charset=utf-8", values.Encode()))
}

func TestAssumeRoleWithWebIdentity(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	created := w.createToken(t, w.tokenInput("t-1"))
	got := w.form(t, url.Values{
		"Action":           {"AssumeRoleWithWebIdentity"},
		"RoleArn":          {w.RoleARN()},
		"RoleSessionName":  {"session"},
		"WebIdentityToken": {w.accessToken(t, created.Token).Reveal()},
	})
	require.Equal(t, http.StatusOK, got.status, got.body)
	assert.Equal(t, "text/xml", got.header.Get("Content-Type"))
	for _, text := range []string{
		`<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIA`,
		`<Expiration>2026-01-02T04:04:05Z</Expiration>`,
		`<Arn>arn:aws:sts::111122223333:assumed-role/AWSLicenseManagerConsumptionRole/session</Arn>`,
		`<SubjectFromWebIdentityToken>` + created.TokenId + `</SubjectFromWebIdentityToken>`,
		`<Provider>https://openid-license-manager.amazonaws.com</Provider>`,
		`<Audience>` + w.LicenseARN() + `</Audience>`,
		`<ResponseMetadata><RequestId>` + got.header.Get("X-Amzn-Requestid") + `</RequestId></ResponseMetadata></AssumeRoleWithWebIdentityResponse>`,
	} {
		assert.Contains(t, got.body, text)
	}
}

func TestTemporaryCredentialsSign(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	in := w.webIdentity(w.accessToken(t, w.createToken(t, w.tokenInput("t-1")).Token))
	in.DurationSeconds = 900
	out, err := w.sts.AssumeRoleWithWebIdentity(t.Context(), in)
	require.NoError(t, err)
	key := out.Credentials()
	assert.Equal(t, startTime.Add(15*time.Minute), key.Expires.UTC())
	list := func(change func(*awstokens.Config)) error {
		client, err := w.lm.With(change)
		require.NoError(t, err)
		_, err = client.ListTokens(t.Context(), nil)
		return err
	}

	assert.NoError(t, list(withCredentials(key)))
	refused(t, list(withKey(key.AccessKeyID, key.SecretAccessKey.Reveal(), "")), "UnrecognizedClientException")
	refused(t, list(withKey(key.AccessKeyID, key.SecretAccessKey.Reveal(), "not-a-session")), "UnrecognizedClientException")
	refused(t, list(withKey(key.AccessKeyID, "another-fake-secret", key.SessionToken.Reveal())), "InvalidSignatureException")

	w.Advance(15*time.Minute - time.Second)
	assert.NoError(t, list(withCredentials(key)))
	w.Advance(time.Second)
	refused(t, list(withCredentials(key)), "ExpiredTokenException")

	cfg := w.cfg
	withCredentials(key)(&cfg)
	client, err := sts.New(cfg)
	require.NoError(t, err)
	_, err = client.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: w.RoleARN(), RoleSessionName: "session"})
	refused(t, err, "ExpiredToken")
}

func TestAssumeRoleWithWebIdentityRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	created := w.createToken(t, w.tokenInput("t-1"))
	access := w.accessToken(t, created.Token).Reveal()
	withoutRoles := w.tokenInput("t-2")
	withoutRoles.RoleArns = nil
	noRoles := w.accessToken(t, w.createToken(t, withoutRoles).Token).Reveal()
	for name, tt := range map[string]struct {
		parameter, value string
		status           int
		code, message    string
	}{
		"no role":                {"RoleArn", "", 400, "ValidationError", "'roleArn'"},
		"not an ARN":             {"RoleArn", "this-is-not-the-arn-of-a-role", 400, "ValidationError", "is invalid"},
		"not a role":             {"RoleArn", "arn:aws:iam::111122223333:user/someone", 400, "ValidationError", "is invalid"},
		"another role":           {"RoleArn", "arn:aws:iam::111122223333:role/Another", 403, "AccessDenied", "Not authorized"},
		"a token of no role":     {"WebIdentityToken", noRoles, 403, "AccessDenied", "Not authorized"},
		"a short name":           {"RoleSessionName", "x", 400, "ValidationError", "'roleSessionName'"},
		"a long name":            {"RoleSessionName", strings.Repeat("x", 65), 400, "ValidationError", "less than or equal to 64"},
		"a name with a space":    {"RoleSessionName", "a name", 400, "ValidationError", `[\w+=,.@-]*`},
		"too short":              {"DurationSeconds", "899", 400, "ValidationError", "greater than or equal to 900"},
		"too long":               {"DurationSeconds", "43201", 400, "ValidationError", "less than or equal to 43200"},
		"longer than the role's": {"DurationSeconds", "3601", 400, "ValidationError", "MaxSessionDuration"},
		"no number":              {"DurationSeconds", "an hour", 400, "ValidationError", "integer"},
		"garbage":                {"WebIdentityToken", "garbage", 400, "InvalidIdentityToken", "could not be validated"},
		"a forged token":         {"WebIdentityToken", access[:len(access)-4] + "AAAA", 400, "InvalidIdentityToken", "could not be validated"},
		"a refresh token":        {"WebIdentityToken", created.Token.Reveal(), 400, "InvalidIdentityToken", "refresh token"},
		"another version":        {"Version", "2010-01-01", 400, "NoSuchVersion", "2010-01-01"},
		"another action":         {"Action", "GetSessionToken", 400, "InvalidAction", "GetSessionToken"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			values := url.Values{
				"Action":           {"AssumeRoleWithWebIdentity"},
				"RoleArn":          {w.RoleARN()},
				"RoleSessionName":  {"session"},
				"WebIdentityToken": {access},
			}
			values.Set(tt.parameter, tt.value)
			if tt.value == "" {
				values.Del(tt.parameter)
			}
			got := w.form(t, values)
			assert.Equal(t, tt.status, got.status, got.body)
			assert.Contains(t, got.body, `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>`+tt.code+`</Code>`)
			assert.Contains(t, html.UnescapeString(got.body), tt.message)
			assert.Contains(t, got.body, "<RequestId>"+got.header.Get("X-Amzn-Requestid")+"</RequestId>")
		})
	}
}

func TestWebIdentityTokenExpires(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	in := w.webIdentity(w.accessToken(t, w.createToken(t, w.tokenInput("t-1")).Token))
	w.Advance(time.Hour - time.Nanosecond)
	_, err := w.sts.AssumeRoleWithWebIdentity(t.Context(), in)
	assert.NoError(t, err)
	w.Advance(time.Nanosecond)
	_, err = w.sts.AssumeRoleWithWebIdentity(t.Context(), in)
	refused(t, err, "ExpiredTokenException")
}

func TestGetCallerIdentityShowsWhoSigns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	req := w.request(t, "/", "application/x-www-form-urlencoded", "Action=GetCallerIdentity&Version=2011-06-15")
	w.sign(t, req, "sts")
	got := w.send(t, req)
	assert.Equal(t, http.StatusOK, got.status)
	assert.Contains(t, got.body, "<Arn>arn:aws:iam::111122223333:user/emulator</Arn><UserId>AIDAEMULATEDUSER00000</UserId><Account>111122223333</Account>")
}

// Expired credentials are refused as expired, even after the emulator has
// forgotten them.
func TestExpiredLongAgo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	refresh := w.createToken(t, w.tokenInput("t-1")).Token
	access := w.accessToken(t, refresh)
	role, err := w.sts.AssumeRoleWithWebIdentity(t.Context(), w.webIdentity(access))
	require.NoError(t, err)
	keys := role.Credentials()
	client, err := w.lm.With(withKey(keys.AccessKeyID, keys.SecretAccessKey.Reveal(), keys.SessionToken.Reveal()))
	require.NoError(t, err)
	_, err = client.ListTokens(t.Context(), nil)
	require.NoError(t, err)
	for _, days := range []int{1, 3, 400, 4000} {
		w.SetTime(startTime.AddDate(0, 0, days))
		for i := range 100 { // makes the emulator look for what to forget
			w.createToken(t, w.tokenInput(fmt.Sprint(days, "-", i)))
			_, err := w.sts.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: w.RoleARN(), RoleSessionName: "session"})
			require.NoError(t, err)
		}
		_, err = client.ListTokens(t.Context(), nil)
		refused(t, err, "ExpiredTokenException")
		_, err = w.sts.AssumeRoleWithWebIdentity(t.Context(), w.webIdentity(access))
		refused(t, err, "ExpiredTokenException")
		_, err = w.lm.GetAccessToken(t.Context(), &licensemanager.GetAccessTokenInput{Token: access})
		refused(t, err, "ValidationException")
		_, err = w.lm.GetAccessToken(t.Context(), &licensemanager.GetAccessTokenInput{Token: refresh})
		if days > 365 {
			refused(t, err, "AccessDeniedException")
		} else {
			assert.NoError(t, err)
		}
	}
	unknown, err := w.lm.With(withKey(keys.AccessKeyID, keys.SecretAccessKey.Reveal(), "emulated-session-99999999999-fake"))
	require.NoError(t, err)
	_, err = unknown.ListTokens(t.Context(), nil)
	refused(t, err, "UnrecognizedClientException")
}
