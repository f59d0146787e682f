package borrow_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/licensemanager/borrow"
)

// These tests sign with the standard library, not with the library that verifies.

const (
	licenseARN = "arn:aws:license-manager::111122223333:license:l-0123456789abcdef0123456789abcdef"
	otherARN   = "arn:aws:license-manager::111122223333:license:l-ffffffffffffffffffffffffffffffff"
	nodeID     = "build-host-7"
	consumes   = "0000fake0000fake0000fake0000fake"
	plain      = `{"alg":"PS384"}`
)

var (
	issued = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
	now    = issued.AddDate(0, 0, 9)
	end    = issued.AddDate(0, 0, 30)

	issuer   = newKey()
	attacker = newKey()
)

func newKey() func() *rsa.PrivateKey {
	return sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// members are the payload of a good token.
type members map[string]any

func good() members {
	return members{
		"licenseArn":              licenseARN,
		"nodeId":                  nodeID,
		"issuedAt":                "2026-03-01T12:00:00",
		"expiration":              "2026-03-31T12:00:00",
		"licenseConsumptionToken": consumes,
		"entitlementsAllowed": []any{
			members{"name": "Seats", "unit": "Count", "value": "10"},
			members{"name": "Export", "unit": "None"},
			members{"name": "Tier", "unit": "None", "value": "gold"},
		},
		"checkoutMetadata": members{"edition": "pro", "region": "north"},
	}
}

func (m members) with(name string, value any) members { m[name] = value; return m }

func (m members) without(name string) members { delete(m, name); return m }

func (m members) String() string { return string(must(json.Marshal(m))) }

// signer signs the signing input of a JWS.
type signer func(input []byte) []byte

func pss(key *rsa.PrivateKey, hash crypto.Hash) signer {
	return func(input []byte) []byte {
		h := hash.New()
		h.Write(input)
		return must(rsa.SignPSS(rand.Reader, key, hash, h.Sum(nil), &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}))
	}
}

func pkcs1(key *rsa.PrivateKey, hash crypto.Hash) signer {
	return func(input []byte) []byte {
		h := hash.New()
		h.Write(input)
		return must(rsa.SignPKCS1v15(nil, key, hash, h.Sum(nil)))
	}
}

func hs384(key []byte) signer {
	return func(input []byte) []byte {
		h := hmac.New(sha512.New384, key)
		h.Write(input)
		return h.Sum(nil)
	}
}

func es384(input []byte) []byte {
	key := must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	sum := sha512.Sum384(input)
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		panic(err)
	}
	return append(r.FillBytes(make([]byte, 48)), s.FillBytes(make([]byte, 48))...)
}

func unsigned([]byte) []byte { return nil }

func b64(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

func jws(header, payload string, sign signer) string {
	input := b64([]byte(header)) + "." + b64([]byte(payload))
	return input + "." + b64(sign([]byte(input)))
}

// borrowed is a token that the issuer signed.
func borrowed(payload fmt.Stringer) string { return text(payload.String()) }

func text(payload string) string { return jws(plain, payload, pss(issuer(), crypto.SHA384)) }

func publicDER() []byte { return must(x509.MarshalPKIXPublicKey(&issuer().PublicKey)) }

func publicPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: publicDER()})
}

func jwkOf(key *rsa.PublicKey) string {
	return fmt.Sprintf(`{"kty":"RSA","e":"AQAB","n":"%s"}`, b64(key.N.Bytes()))
}

func wanted() borrow.Want {
	return borrow.Want{
		LicenseARN:   licenseARN,
		NodeID:       nodeID,
		Metadata:     map[string]string{"edition": "pro"},
		Entitlements: []borrow.EntitlementData{borrow.Count("Seats", 10), borrow.Feature("Export")},
	}
}

func at(t time.Time) func() time.Time { return func() time.Time { return t } }

func with(o borrow.Options) func(*borrow.Options) {
	return func(to *borrow.Options) { *to = o }
}

func newVerifier(t testing.TB, o borrow.Options) *borrow.Verifier {
	t.Helper()
	if o.Now == nil {
		o.Now = at(now)
	}
	v, err := borrow.NewVerifier(&issuer().PublicKey, nil, with(o))
	require.NoError(t, err)
	return v
}

// refusal checks that an error is a refusal for that reason and for no other,
// and that it does not show the token.
func refusal(t testing.TB, err error, reason borrow.Reason, token string) *borrow.RefusedError {
	t.Helper()
	require.ErrorIs(t, err, reason)
	var refused *borrow.RefusedError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, reason, refused.Reason)
	assert.Regexp(t, `^[a-z_]+$`, string(reason), "a code")
	assert.Regexp(t, `^[a-zA-Z0-9 ',:]+$`, reason.Error(), "a sentence")
	assert.NotEqual(t, string(reason), reason.Error())
	assert.Contains(t, err.Error(), reason.Error())
	assert.NotErrorIs(t, err, borrow.Reason("another reason"))
	shown := fmt.Sprintf("%v %+v %s", err, err, refused)
	for _, part := range append(strings.Split(token, "."), consumes) {
		if len(part) > 8 {
			assert.NotContains(t, shown, part)
		}
	}
	return refused
}

func TestBadTokens(t *testing.T) {
	key := issuer()
	whole := borrowed(good())
	parts := strings.Split(whole, ".")
	header, payload, signature := parts[0], parts[1], parts[2]
	flip := func(part string, i int) string {
		data := must(base64.RawURLEncoding.DecodeString(part))
		data[i] ^= 1
		return b64(data)
	}
	withKid := jws(`{"alg":"PS384","kid":"issuer"}`, good().String(), pss(key, crypto.SHA384))
	kidHeader, afterKid, _ := strings.Cut(withKid, ".")

	for name, test := range map[string]struct {
		token  string
		reason borrow.Reason
		member string
	}{
		"empty":               {"", borrow.ErrEmpty, ""},
		"only white space":    {" \r\n", borrow.ErrEmpty, ""},
		"too large":           {whole + strings.Repeat("A", 64<<10), borrow.ErrTooLarge, ""},
		"too large and blank": {strings.Repeat(" ", 64<<10+1), borrow.ErrTooLarge, ""},

		"cut in the header":             {whole[:10], borrow.ErrMalformed, ""},
		"cut after the header":          {header, borrow.ErrMalformed, ""},
		"cut in the payload":            {header + "." + payload[:40], borrow.ErrMalformed, ""},
		"cut before the signature":      {header + "." + payload, borrow.ErrMalformed, ""},
		"cut at the signature":          {header + "." + payload + ".", borrow.ErrSignature, ""},
		"cut in the signature":          {whole[:len(whole)-len(signature)+100], borrow.ErrSignature, ""},
		"cut by one character":          {whole[:len(whole)-2], borrow.ErrSignature, ""},
		"cut to an impossible length":   {whole[:len(whole)-1], borrow.ErrMalformed, ""},
		"two signatures":                {whole + "." + signature, borrow.ErrMalformed, ""},
		"five parts":                    {whole + ".AA.AA", borrow.ErrMalformed, ""},
		"detached payload":              {header + ".." + signature, borrow.ErrMalformed, ""},
		"no header":                     {"." + payload + "." + signature, borrow.ErrMalformed, ""},
		"flattened JSON serialization":  {fmt.Sprintf(`{"protected":%q,"payload":%q,"signature":%q}`, header, payload, signature), borrow.ErrMalformed, ""},
		"general JSON serialization":    {fmt.Sprintf(`{"payload":%q,"signatures":[{"protected":%q,"signature":%q},{"protected":%q,"signature":%q}]}`, payload, header, signature, header, signature), borrow.ErrMalformed, ""},
		"line break inside":             {header + ".\n" + payload + "." + signature, borrow.ErrMalformed, ""},
		"unused bits of the signature":  {whole[:len(whole)-1] + lastCharacter(signature), borrow.ErrMalformed, ""},
		"padded base64":                 {whole + "==", borrow.ErrMalformed, ""},
		"plain base64 alphabet":         {header + "." + payload + ".+/" + signature[2:], borrow.ErrMalformed, ""},
		"not base64":                    {"this is. not a. token", borrow.ErrMalformed, ""},
		"header not JSON":               {jws(`PS384`, good().String(), pss(key, crypto.SHA384)), borrow.ErrMalformed, ""},
		"header a JSON array":           {jws(`["PS384"]`, good().String(), pss(key, crypto.SHA384)), borrow.ErrMalformed, ""},
		"header with a member twice":    {jws(`{"alg":"none","alg":"PS384"}`, good().String(), pss(key, crypto.SHA384)), borrow.ErrMalformed, ""},
		"private key in the header":     {jws(`{"alg":"PS384","jwk":{"kty":"oct","k":"c2VjcmV0"}}`, good().String(), pss(key, crypto.SHA384)), borrow.ErrMalformed, ""},
		"header null":                   {jws(`null`, good().String(), pss(key, crypto.SHA384)), borrow.ErrMalformed, ""},
		"no algorithm":                  {jws(`{}`, good().String(), pss(key, crypto.SHA384)), borrow.ErrAlgorithm, ""},
		"RS384":                         {jws(`{"alg":"RS384"}`, good().String(), pkcs1(key, crypto.SHA384)), borrow.ErrAlgorithm, ""},
		"RS256":                         {jws(`{"alg":"RS256"}`, good().String(), pkcs1(key, crypto.SHA256)), borrow.ErrAlgorithm, ""},
		"PS256":                         {jws(`{"alg":"PS256"}`, good().String(), pss(key, crypto.SHA256)), borrow.ErrAlgorithm, ""},
		"PS512":                         {jws(`{"alg":"PS512"}`, good().String(), pss(key, crypto.SHA512)), borrow.ErrAlgorithm, ""},
		"ES384":                         {jws(`{"alg":"ES384"}`, good().String(), es384), borrow.ErrAlgorithm, ""},
		"algorithm in lower case":       {jws(`{"alg":"ps384"}`, good().String(), pss(key, crypto.SHA384)), borrow.ErrAlgorithm, ""},
		"alg in upper case":             {jws(`{"ALG":"PS384"}`, good().String(), pss(key, crypto.SHA384)), borrow.ErrAlgorithm, ""},
		"algorithm a list":              {jws(`{"alg":["PS384"]}`, good().String(), pss(key, crypto.SHA384)), borrow.ErrAlgorithm, ""},
		"none":                          {jws(`{"alg":"none"}`, good().String(), unsigned), borrow.ErrUnsigned, ""},
		"None":                          {jws(`{"alg":"None"}`, good().String(), unsigned), borrow.ErrUnsigned, ""},
		"none with a signature":         {jws(`{"alg":"none"}`, good().String(), pss(key, crypto.SHA384)), borrow.ErrUnsigned, ""},
		"HS384 with the key as PEM":     {jws(`{"alg":"HS384"}`, good().String(), hs384(publicPEM())), borrow.ErrSymmetric, ""},
		"HS384 with the key as DER":     {jws(`{"alg":"HS384"}`, good().String(), hs384(publicDER())), borrow.ErrSymmetric, ""},
		"crit":                          {jws(`{"alg":"PS384","crit":["exp"],"exp":1}`, good().String(), pss(key, crypto.SHA384)), borrow.ErrExtension, ""},
		"crit empty":                    {jws(`{"alg":"PS384","crit":[]}`, good().String(), pss(key, crypto.SHA384)), borrow.ErrExtension, ""},
		"crit null":                     {jws(`{"alg":"PS384","crit":null}`, good().String(), pss(key, crypto.SHA384)), borrow.ErrExtension, ""},
		"payload signed as it is":       {rawPayload(`{"alg":"PS384","b64":false,"crit":["b64"]}`), borrow.ErrExtension, ""},
		"payload signed so, no crit":    {rawPayload(`{"alg":"PS384","b64":false}`), borrow.ErrExtension, ""},
		"PKCS #1 signature as PS384":    {jws(plain, good().String(), pkcs1(key, crypto.SHA384)), borrow.ErrSignature, ""},
		"SHA-256 signature as PS384":    {jws(plain, good().String(), pss(key, crypto.SHA256)), borrow.ErrSignature, ""},
		"other key":                     {jws(plain, good().String(), pss(attacker(), crypto.SHA384)), borrow.ErrSignature, ""},
		"other key, brought along":      {jws(`{"alg":"PS384","jwk":`+jwkOf(&attacker().PublicKey)+`}`, good().String(), pss(attacker(), crypto.SHA384)), borrow.ErrSignature, ""},
		"other key, at a URL":           {jws(`{"alg":"PS384","jku":"https://attacker.example/keys"}`, good().String(), pss(attacker(), crypto.SHA384)), borrow.ErrSignature, ""},
		"other key, in a certificate":   {jws(`{"alg":"PS384","x5c":["`+certificate(attacker())+`"]}`, good().String(), pss(attacker(), crypto.SHA384)), borrow.ErrSignature, ""},
		"flipped bit in the header":     {flip(kidHeader, len(`{"alg":"PS384","kid":"i`)) + "." + afterKid, borrow.ErrSignature, ""},
		"flipped bit in the algorithm":  {flip(header, len(`{"alg":"PS38`)) + "." + payload + "." + signature, borrow.ErrAlgorithm, ""},
		"flipped bit in the payload":    {header + "." + flip(payload, 30) + "." + signature, borrow.ErrSignature, ""},
		"flipped bit in the signature":  {header + "." + payload + "." + flip(signature, 30), borrow.ErrSignature, ""},
		"payload of another token":      {header + "." + b64([]byte(good().with("nodeId", "laptop").String())) + "." + signature, borrow.ErrSignature, ""},
		"signature of another token":    {header + "." + payload + "." + strings.Split(borrowed(good().with("nodeId", "laptop")), ".")[2], borrow.ErrSignature, ""},
		"payload not JSON":              {text("no license"), borrow.ErrPayload, ""},
		"payload a JSON array":          {text("[" + good().String() + "]"), borrow.ErrPayload, ""},
		"payload a JSON string":         {text(`"license"`), borrow.ErrPayload, ""},
		"payload null":                  {text("null"), borrow.ErrPayload, ""},
		"payload cut":                   {text(good().String()[:60]), borrow.ErrPayload, ""},
		"payload followed by another":   {text(good().String() + good().String()), borrow.ErrPayload, ""},
		"payload not UTF-8":             {text(strings.Replace(good().String(), nodeID, nodeID+"\xff", 1)), borrow.ErrPayload, ""},
		"member twice":                  {text(`{"nodeId":"build-host-7",` + good().String()[1:]), borrow.ErrPayload, ""},
		"license missing":               {borrowed(good().without("licenseArn")), borrow.ErrMemberMissing, "licenseArn"},
		"license in another case":       {borrowed(good().without("licenseArn").with("LicenseArn", licenseARN)), borrow.ErrMemberMissing, "licenseArn"},
		"license null":                  {borrowed(good().with("licenseArn", nil)), borrow.ErrMemberMissing, "licenseArn"},
		"expiration missing":            {borrowed(good().without("expiration")), borrow.ErrMemberMissing, "expiration"},
		"expiration null":               {borrowed(good().with("expiration", nil)), borrow.ErrMemberMissing, "expiration"},
		"exp instead of expiration":     {borrowed(good().without("expiration").with("exp", end.Unix())), borrow.ErrMemberMissing, "expiration"},
		"issue missing":                 {borrowed(good().without("issuedAt")), borrow.ErrMemberMissing, "issuedAt"},
		"entitlements missing":          {borrowed(good().without("entitlementsAllowed")), borrow.ErrMemberMissing, "entitlementsAllowed"},
		"entitlement without name":      {borrowed(good().with("entitlementsAllowed", []any{members{"unit": "None"}})), borrow.ErrMemberMissing, "entitlementsAllowed"},
		"entitlement without unit":      {borrowed(good().with("entitlementsAllowed", []any{members{"name": "Seats"}})), borrow.ErrMemberMissing, "entitlementsAllowed"},
		"entitlement null":              {borrowed(good().with("entitlementsAllowed", []any{nil})), borrow.ErrMemberMissing, "entitlementsAllowed"},
		"consumption token missing":     {borrowed(good().without("licenseConsumptionToken")), borrow.ErrMemberMissing, "licenseConsumptionToken"},
		"node missing":                  {borrowed(good().without("nodeId")), borrow.ErrMemberMissing, "nodeId"},
		"node null":                     {borrowed(good().with("nodeId", nil)), borrow.ErrMemberMissing, "nodeId"},
		"license a number":              {borrowed(good().with("licenseArn", 1)), borrow.ErrMemberType, "licenseArn"},
		"node a list":                   {borrowed(good().with("nodeId", []string{nodeID})), borrow.ErrMemberType, "nodeId"},
		"expiration a number":           {borrowed(good().with("expiration", end.Unix())), borrow.ErrMemberType, "expiration"},
		"entitlements an object":        {borrowed(good().with("entitlementsAllowed", members{})), borrow.ErrMemberType, "entitlementsAllowed"},
		"entitlement a string":          {borrowed(good().with("entitlementsAllowed", []any{"Seats"})), borrow.ErrMemberType, "entitlementsAllowed"},
		"entitlement's value a number":  {borrowed(good().with("entitlementsAllowed", []any{members{"name": "Seats", "unit": "Count", "value": 10}})), borrow.ErrMemberType, "entitlementsAllowed"},
		"consumption token an object":   {borrowed(good().with("licenseConsumptionToken", members{})), borrow.ErrMemberType, "licenseConsumptionToken"},
		"metadata a list":               {borrowed(good().with("checkoutMetadata", []any{members{"Name": "edition", "Value": "pro"}})), borrow.ErrMemberType, "checkoutMetadata"},
		"metadata value a number":       {borrowed(good().with("checkoutMetadata", members{"edition": 1})), borrow.ErrMemberType, "checkoutMetadata"},
		"metadata value null":           {borrowed(good().with("checkoutMetadata", members{"edition": nil})), borrow.ErrMemberType, "checkoutMetadata"},
		"metadata name twice":           {text(strings.Replace(good().String(), `"edition"`, `"edition":"basic","edition"`, 1)), borrow.ErrMemberType, "checkoutMetadata"},
		"expiration no date":            {borrowed(good().with("expiration", "never")), borrow.ErrDate, "expiration"},
		"expiration empty":              {borrowed(good().with("expiration", "")), borrow.ErrDate, "expiration"},
		"expiration a day":              {borrowed(good().with("expiration", "2026-03-31")), borrow.ErrDate, "expiration"},
		"expiration on no calendar":     {borrowed(good().with("expiration", "2026-02-30T12:00:00Z")), borrow.ErrDate, "expiration"},
		"expiration and more":           {borrowed(good().with("expiration", "2026-03-31T12:00:00Z or later")), borrow.ErrDate, "expiration"},
		"issue no date":                 {borrowed(good().with("issuedAt", "today")), borrow.ErrDate, "issuedAt"},
		"other license":                 {borrowed(good().with("licenseArn", otherARN)), borrow.ErrOtherLicense, ""},
		"other node":                    {borrowed(good().with("nodeId", "laptop")), borrow.ErrOtherNode, ""},
		"other node by its case":        {borrowed(good().with("nodeId", "Build-Host-7")), borrow.ErrOtherNode, ""},
		"metadata missing":              {borrowed(good().without("checkoutMetadata")), borrow.ErrMetadataMissing, "edition"},
		"metadata with other names":     {borrowed(good().with("checkoutMetadata", members{"Edition": "pro"})), borrow.ErrMetadataMissing, "edition"},
		"metadata altered":              {borrowed(good().with("checkoutMetadata", members{"edition": "basic"})), borrow.ErrMetadataDiffers, "edition"},
		"too few seats":                 {borrowed(good().with("entitlementsAllowed", []any{members{"name": "Seats", "unit": "Count", "value": "9"}})), borrow.ErrNotEntitled, "Seats"},
		"seats in another unit":         {borrowed(good().with("entitlementsAllowed", []any{members{"name": "Seats", "unit": "None", "value": "10"}})), borrow.ErrNotEntitled, "Seats"},
		"seats without a value":         {borrowed(good().with("entitlementsAllowed", []any{members{"name": "Seats", "unit": "Count"}})), borrow.ErrNotEntitled, "Seats"},
		"seats not a number":            {borrowed(good().with("entitlementsAllowed", []any{members{"name": "Seats", "unit": "Count", "value": "many"}})), borrow.ErrNotEntitled, "Seats"},
		"seats beyond counting":         {borrowed(good().with("entitlementsAllowed", []any{members{"name": "Seats", "unit": "Count", "value": strings.Repeat("9", 30)}})), borrow.ErrNotEntitled, "Seats"},
		"no feature":                    {borrowed(good().with("entitlementsAllowed", []any{members{"name": "Seats", "unit": "Count", "value": "10"}})), borrow.ErrNotEntitled, "Export"},
		"issued in the future":          {borrowed(good().with("issuedAt", "2026-03-10T12:05:01")), borrow.ErrIssuedInFuture, ""},
		"issued in the future, by zone": {borrowed(good().with("issuedAt", "2026-03-10T12:00:00-01:00")), borrow.ErrIssuedInFuture, ""},
		"expired":                       {borrowed(good().with("expiration", "2026-03-10T11:59:59")), borrow.ErrExpired, ""},
		"expired this very moment":      {borrowed(good().with("expiration", "2026-03-10T12:00:00")), borrow.ErrExpired, ""},
		"expired, by zone":              {borrowed(good().with("expiration", "2026-03-10T12:59:59+01:00")), borrow.ErrExpired, ""},
		"ended before it began":         {borrowed(good().with("issuedAt", "2026-03-10T12:03:00").with("expiration", "2026-03-10T12:02:00")), borrow.ErrExpired, ""},
	} {
		t.Run(name, func(t *testing.T) {
			license, err := newVerifier(t, borrow.Options{}).Verify(awstokens.NewSecret(test.token), wanted())
			assert.Nil(t, license)
			refused := refusal(t, err, test.reason, test.token)
			assert.Equal(t, test.member, refused.Member)
		})
	}
}

// lastCharacter is another last character that decodes to the same signature.
func lastCharacter(signature string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return alphabet[strings.IndexByte(alphabet, signature[len(signature)-1])|1:][:1]
}

// rawPayload is a token of RFC 7797, whose signature is over the payload
// itself.
func rawPayload(header string) string {
	payload := good().String()
	signature := pss(issuer(), crypto.SHA384)([]byte(b64([]byte(header)) + "." + payload))
	return b64([]byte(header)) + "." + b64([]byte(payload)) + "." + b64(signature)
}

func certificate(key *rsa.PrivateKey) string {
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: end}
	return base64.StdEncoding.EncodeToString(must(x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)))
}

// A token that is cut or has a flipped bit, at any byte, is refused.
func TestEveryCutAndFlip(t *testing.T) {
	v := newVerifier(t, borrow.Options{})
	token := borrowed(good())
	for i := range token {
		_, err := v.Verify(awstokens.NewSecret(token[:i]), wanted())
		require.Error(t, err, "cut at %d", i)
	}
	for i := range token {
		flipped := []byte(token)
		flipped[i] ^= 1 << (i % 7)
		_, err := v.Verify(awstokens.NewSecret(string(flipped)), wanted())
		require.Error(t, err, "flipped at %d", i)
	}
}

func TestGoodTokens(t *testing.T) {
	key := issuer()
	for name, test := range map[string]struct {
		token string
		want  func(*borrow.Want)
		check func(*testing.T, *borrow.License)
	}{
		"zoneless dates": {token: borrowed(good())},
		"dates in UTC":   {token: borrowed(good().with("expiration", "2026-03-31T12:00:00Z").with("issuedAt", "2026-03-01T12:00:00Z"))},
		"dates with an offset": {
			token: borrowed(good().with("expiration", "2026-03-31T05:00:00-07:00").with("issuedAt", "2026-03-01T21:00:00+09:00")),
			check: func(t *testing.T, l *borrow.License) {
				assert.Equal(t, end, l.Expiration)
				assert.Equal(t, issued, l.IssuedAt)
			},
		},
		"dates in other forms": {
			token: borrowed(good().with("expiration", " 2026-03-31T12:00:00+0000\n").with("issuedAt", "20260301T120000Z")),
			check: func(t *testing.T, l *borrow.License) {
				assert.Equal(t, end, l.Expiration)
				assert.Equal(t, issued, l.IssuedAt)
			},
		},
		"fractional seconds": {
			token: borrowed(good().with("expiration", "2026-03-31T12:00:00.123456789").with("issuedAt", "2026-03-01T12:00:00.5Z")),
			check: func(t *testing.T, l *borrow.License) {
				assert.Equal(t, end.Add(123456789), l.Expiration)
				assert.Equal(t, issued.Add(time.Second/2), l.IssuedAt)
			},
		},
		"extra members": {token: borrowed(good().with("iss", "someone").with("exp", 1).with("nested", []any{members{"a": nil}}))},
		"extra headers": {token: jws(`{"alg":"PS384","typ":"JWT","kid":"issuer","cty":null}`, good().String(), pss(key, crypto.SHA384))},
		"another's key in the header, unused": {
			token: jws(`{"alg":"PS384","jwk":`+jwkOf(&attacker().PublicKey)+`,"jku":"https://attacker.example/keys"}`, good().String(), pss(key, crypto.SHA384)),
		},
		"white space around": {token: "\n " + borrowed(good()) + "\r\n"},
		"byte order mark":    {token: "\ufeff" + borrowed(good()) + "\r\n"},
		"white space in the payload": {
			token: text("\n" + strings.ReplaceAll(good().String(), `,"`, ",\n \"") + "\n"),
		},
		"no metadata": {
			token: borrowed(good().without("checkoutMetadata")),
			want:  func(w *borrow.Want) { w.Metadata, w.ExactMetadata = nil, true },
			check: func(t *testing.T, l *borrow.License) { assert.Nil(t, l.CheckoutMetadata) },
		},
		"metadata null":  {token: borrowed(good().with("checkoutMetadata", nil)), want: func(w *borrow.Want) { w.Metadata = nil }},
		"exact metadata": {token: borrowed(good()), want: func(w *borrow.Want) { w.Metadata["region"], w.ExactMetadata = "north", true }},
		"any node":       {token: borrowed(good()), want: func(w *borrow.Want) { w.NodeID, w.AnyNode = "", true }},
		"no node": {
			token: borrowed(good().without("nodeId")),
			want:  func(w *borrow.Want) { w.NodeID, w.AnyNode = "", true },
			check: func(t *testing.T, l *borrow.License) { assert.Empty(t, l.NodeID) },
		},
		"feature with a value": {
			token: borrowed(good()),
			want: func(w *borrow.Want) {
				w.Entitlements = []borrow.EntitlementData{{Name: "Tier", Unit: "None", Value: "gold"}, borrow.Feature("Tier")}
			},
		},
		"issued a little in the future": {token: borrowed(good().with("issuedAt", "2026-03-10T12:05:00"))},
		"ends in a moment":              {token: borrowed(good().with("expiration", "2026-03-10T12:00:00.000000001"))},
	} {
		t.Run(name, func(t *testing.T) {
			want := wanted()
			if test.want != nil {
				test.want(&want)
			}
			license, err := newVerifier(t, borrow.Options{}).Verify(awstokens.NewSecret(test.token), want)
			require.NoError(t, err)
			if test.check != nil {
				test.check(t, license)
			}
		})
	}
}

func TestLicense(t *testing.T) {
	license, err := newVerifier(t, borrow.Options{}).Verify(awstokens.NewSecret(borrowed(good())), wanted())
	require.NoError(t, err)
	assert.Equal(t, &borrow.License{
		LicenseARN: licenseARN,
		NodeID:     nodeID,
		Entitlements: []borrow.EntitlementData{
			{Name: "Seats", Unit: "Count", Value: "10"}, {Name: "Export", Unit: "None"}, {Name: "Tier", Unit: "None", Value: "gold"},
		},
		Expiration:              end,
		IssuedAt:                issued,
		LicenseConsumptionToken: awstokens.NewSecret(consumes),
		CheckoutMetadata:        map[string]string{"edition": "pro", "region": "north"},
	}, license)

	assert.True(t, license.Allows(borrow.Count("Seats", 1)))
	assert.False(t, license.Allows(borrow.Count("Seats", 11)))
	assert.False(t, license.Allows(borrow.Feature("Seats")))
	assert.False(t, license.Allows(borrow.EntitlementData{Name: "Tier", Unit: "None", Value: "silver"}))

	var log bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewJSONHandler(&log, nil), slog.NewTextHandler(&log, nil)} {
		slog.New(handler).Info("licensed", "license", license, "copy", *license, "list", []any{license})
	}
	shown := log.String()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		shown += fmt.Sprintf(verb, license) + fmt.Sprintf(verb, *license) + fmt.Sprintf(verb, []any{license})
	}
	shown += string(must(json.Marshal(license)))
	assert.NotContains(t, shown, consumes)
	assert.NotContains(t, shown, fmt.Sprintf("%x", consumes))
	assert.Contains(t, shown, licenseARN)
	assert.Contains(t, shown, "2026-03-31T12:00:00Z")
	assert.Equal(t, consumes, license.LicenseConsumptionToken.Reveal())
}

// The example's token was signed with openssl.
func TestKnownAnswer(t *testing.T) {
	key, err := borrow.ParsePublicKey(issuerKey)
	require.NoError(t, err)
	v, err := borrow.NewVerifier(key, with(borrow.Options{Now: at(now)}))
	require.NoError(t, err)
	license, err := v.Verify(awstokens.NewSecret(token), wanted())
	require.NoError(t, err)
	assert.Equal(t, nodeID, license.NodeID)
}

// The shell of Windows may write a file in UTF-16.
func TestTokenInUTF16(t *testing.T) {
	for mark, order := range map[string]binary.AppendByteOrder{"\xff\xfe": binary.LittleEndian, "\xfe\xff": binary.BigEndian} {
		token := []byte(mark)
		for _, b := range []byte(borrowed(good())) {
			token = order.AppendUint16(token, uint16(b))
		}
		_, err := newVerifier(t, borrow.Options{}).Verify(awstokens.NewSecret(string(token)), wanted())
		refusal(t, err, borrow.ErrMalformed, string(token))
		assert.ErrorContains(t, err, "it is in UTF-16; store it in UTF-8")
	}
}

func TestUnexpectedMetadata(t *testing.T) {
	want := wanted()
	want.ExactMetadata = true
	token := borrowed(good())
	_, err := newVerifier(t, borrow.Options{}).Verify(awstokens.NewSecret(token), want)
	refused := refusal(t, err, borrow.ErrMetadataUnexpected, token)
	assert.Equal(t, "region", refused.Member)
}

// RefusedError.License is set if the issuer signed it, and only then.
func TestRefusedLicense(t *testing.T) {
	v := newVerifier(t, borrow.Options{Now: at(end)})
	token := borrowed(good())
	_, err := v.Verify(awstokens.NewSecret(token), wanted())
	refused := refusal(t, err, borrow.ErrExpired, token)
	require.NotNil(t, refused.License)
	assert.Equal(t, end, refused.License.Expiration)

	token = jws(plain, good().String(), pss(attacker(), crypto.SHA384))
	_, err = v.Verify(awstokens.NewSecret(token), wanted())
	assert.Nil(t, refusal(t, err, borrow.ErrSignature, token).License)

	token = borrowed(good().with("nodeId", "laptop").with("checkoutMetadata", members{"edition": "internal"}))
	_, err = v.Verify(awstokens.NewSecret(token), wanted())
	refusal(t, err, borrow.ErrOtherNode, token)
	assert.EqualError(t, err, `borrowed license refused: the token is for another node: "laptop" where "build-host-7" is required`)

	token = borrowed(good().with("checkoutMetadata", members{"edition": "internal"}))
	_, err = v.Verify(awstokens.NewSecret(token), wanted())
	refusal(t, err, borrow.ErrMetadataDiffers, token)
	assert.EqualError(t, err, `borrowed license refused: metadata have another value: "edition"`)
}

func TestWrongWant(t *testing.T) {
	v := newVerifier(t, borrow.Options{})
	for name, test := range map[string]struct {
		change func(*borrow.Want)
		field  string
	}{
		"no license":         {func(w *borrow.Want) { w.LicenseARN = "" }, "Want.LicenseARN"},
		"no node":            {func(w *borrow.Want) { w.NodeID = "" }, "Want.NodeID"},
		"nameless":           {func(w *borrow.Want) { w.Entitlements[1].Name = "" }, "Want.Entitlements[1].Name"},
		"no unit":            {func(w *borrow.Want) { w.Entitlements[0].Unit = "" }, "Want.Entitlements[0].Unit"},
		"count without one":  {func(w *borrow.Want) { w.Entitlements[0].Value = "" }, "Want.Entitlements[0].Value"},
		"count not a number": {func(w *borrow.Want) { w.Entitlements[0].Value = "ten" }, "Want.Entitlements[0].Value"},
		"negative count":     {func(w *borrow.Want) { w.Entitlements[0] = borrow.Count("Seats", -1) }, "Want.Entitlements[0].Value"},
	} {
		t.Run(name, func(t *testing.T) {
			want := wanted()
			test.change(&want)
			license, err := v.Verify(awstokens.NewSecret(borrowed(good())), want)
			assert.Nil(t, license)
			var refused *borrow.RefusedError
			assert.False(t, errors.As(err, &refused), "it is not the token that is wrong")
			var invalid smithy.InvalidParamsError
			require.ErrorAs(t, err, &invalid)
			assert.Contains(t, err.Error(), test.field)
		})
	}
	want := wanted()
	want.AnyNode = true
	_, err := v.Verify(awstokens.NewSecret(borrowed(good())), want)
	require.EqualError(t, err, "borrow: Want has both NodeID and AnyNode")

	// More than an int64 holds is more than any license grants.
	want = wanted()
	want.Entitlements[0].Value = strings.Repeat("9", 30)
	_, err = v.Verify(awstokens.NewSecret(borrowed(good())), want)
	require.ErrorIs(t, err, borrow.ErrNotEntitled)
}

func TestConcurrentUse(t *testing.T) {
	var mu sync.Mutex
	clock := now
	v := newVerifier(t, borrow.Options{
		ClockTolerance: 1,
		Now: func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			clock = clock.Add(time.Second)
			return clock
		},
	})
	token, want := awstokens.NewSecret(borrowed(good())), wanted()
	var group sync.WaitGroup
	for range 8 {
		group.Add(1)
		go func() {
			defer group.Done()
			for range 10 {
				_, err := v.Verify(token, want)
				assert.NoError(t, err)
			}
		}()
	}
	group.Wait()
}

func TestPublicKeys(t *testing.T) {
	public := &issuer().PublicKey
	for name, data := range map[string][]byte{"DER": publicDER(), "PEM": publicPEM(), "PEM and newlines": append(publicPEM(), "\n\n"...)} {
		t.Run(name, func(t *testing.T) {
			key, err := borrow.ParsePublicKey(data)
			require.NoError(t, err)
			assert.True(t, public.Equal(key))
		})
	}

	block := func(kind string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}) }
	small := &rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), 2046, 1), E: 65537}
	elliptical := must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	for name, test := range map[string]struct {
		data []byte
		text string
	}{
		"nothing":           {nil, "neither PEM nor DER"},
		"text":              {[]byte("no key"), "neither PEM nor DER"},
		"cut DER":           {publicDER()[:100], "neither PEM nor DER"},
		"DER and more":      {append(publicDER(), 0), "neither PEM nor DER"},
		"two keys":          {append(publicPEM(), publicPEM()...), "more than one"},
		"certificate":       {block("CERTIFICATE", must(base64.StdEncoding.DecodeString(certificate(issuer())))), "CERTIFICATE"},
		"private key":       {block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(issuer())), "RSA PRIVATE KEY"},
		"PKCS #1":           {block("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(public)), "RSA PUBLIC KEY"},
		"elliptic":          {block("PUBLIC KEY", must(x509.MarshalPKIXPublicKey(&elliptical.PublicKey))), "*ecdsa.PublicKey"},
		"RSA of 2047 bits":  {block("PUBLIC KEY", must(x509.MarshalPKIXPublicKey(small))), "2047 bits"},
		"PEM with bad text": {block("PUBLIC KEY", []byte("no key")), "neither PEM nor DER"},
	} {
		t.Run(name, func(t *testing.T) {
			key, err := borrow.ParsePublicKey(test.data)
			require.ErrorContains(t, err, test.text)
			assert.Nil(t, key)
		})
	}
}

// A key that is accepted is valid for a Verifier, and is the same in DER and PEM.
func FuzzParsePublicKey(f *testing.F) {
	public := &issuer().PublicKey
	for _, data := range [][]byte{
		nil, publicDER(), publicPEM(), publicDER()[:100], append(publicDER(), 0), append(publicPEM(), publicPEM()...), append([]byte("text\n"), publicPEM()...),
		pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED"}, Bytes: publicDER()}),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: publicDER()}),
		pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(public)}),
		must(x509.MarshalPKIXPublicKey(&rsa.PublicKey{N: public.N, E: 3})), must(x509.MarshalPKIXPublicKey(&rsa.PublicKey{N: public.N, E: 1})),
		must(x509.MarshalPKIXPublicKey(&rsa.PublicKey{N: new(big.Int).Rsh(public.N, 1), E: 65537})),
		must(x509.MarshalPKIXPublicKey(&must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)).PublicKey)),
	} {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		key, err := borrow.ParsePublicKey(data)
		if err != nil {
			require.Nil(t, key)
			return
		}
		require.GreaterOrEqual(t, key.N.BitLen(), 2048)
		require.True(t, key.E >= 3 && key.E%2 == 1, "%d", key.E)
		_, err = borrow.NewVerifier(key)
		require.NoError(t, err)
		der := must(x509.MarshalPKIXPublicKey(key))
		for _, same := range [][]byte{der, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})} {
			again, err := borrow.ParsePublicKey(same)
			require.NoError(t, err)
			require.True(t, key.Equal(again))
		}
		require.True(t, bytes.Contains(data, []byte("-----BEGIN PUBLIC KEY-----")) || bytes.Equal(der, data), "DER has one way to write a key")
	})
}

func TestNewVerifier(t *testing.T) {
	public := issuer().PublicKey
	for name, test := range map[string]struct {
		key     *rsa.PublicKey
		options borrow.Options
	}{
		"no key":             {key: nil},
		"empty key":          {key: &rsa.PublicKey{}},
		"small key":          {key: &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 2046), E: 65537}},
		"exponent of one":    {key: &rsa.PublicKey{N: public.N, E: 1}},
		"even exponent":      {key: &rsa.PublicKey{N: public.N, E: 65536}},
		"negative grace":     {key: &public, options: borrow.Options{Grace: -1}},
		"negative tolerance": {key: &public, options: borrow.Options{ClockTolerance: -1}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := borrow.NewVerifier(test.key, with(test.options))
			require.Error(t, err)
		})
	}

	// The verifier has its own copy of the key.
	key := &rsa.PublicKey{N: new(big.Int).Set(public.N), E: public.E}
	v, err := borrow.NewVerifier(key, with(borrow.Options{Now: at(now)}))
	require.NoError(t, err)
	key.N.Set(attacker().N)
	key.E = 3
	_, err = v.Verify(awstokens.NewSecret(borrowed(good())), wanted())
	require.NoError(t, err)
}

// A token is accepted only if its signature is the issuer's, and nothing
// panics.
func FuzzVerify(f *testing.F) {
	whole := borrowed(good())
	for _, token := range []string{
		"", "..", "{}", whole, whole + "\n", "\ufeff" + whole, whole[:len(whole)-1],
		borrowed(good().with("expiration", "never")),
		text("[]"), text("null"), text(`{"nodeId":{}}`),
		jws(`{"alg":"none"}`, good().String(), unsigned),
		jws(`null`, good().String(), unsigned),
		jws(`{"alg":"HS384"}`, good().String(), hs384(publicDER())),
		jws(`{"alg":"PS384","jwk":`+jwkOf(&attacker().PublicKey)+`}`, good().String(), pss(attacker(), crypto.SHA384)),
		jws(`{"alg":"PS384","x5c":["`+certificate(attacker())+`"]}`, good().String(), pss(issuer(), crypto.SHA384)),
		jws(`{"alg":"PS384","crit":null}`, good().String(), pss(issuer(), crypto.SHA384)),
		rawPayload(`{"alg":"PS384","b64":false}`),
	} {
		f.Add(token)
	}
	v := newVerifier(f, borrow.Options{})
	f.Fuzz(func(t *testing.T, token string) {
		license, err := v.Verify(awstokens.NewSecret(token), wanted())
		if err != nil {
			var refused *borrow.RefusedError
			require.ErrorAs(t, err, &refused)
			require.Nil(t, license)
			return
		}
		token = strings.TrimSpace(strings.TrimPrefix(token, "\ufeff"))
		dot := strings.LastIndexByte(token, '.')
		signature, err := base64.RawURLEncoding.DecodeString(token[dot+1:])
		require.NoError(t, err)
		sum := sha512.Sum384([]byte(token[:dot]))
		require.NoError(t, rsa.VerifyPSS(&issuer().PublicKey, crypto.SHA384, sum[:], signature, nil))
	})
}

// Whatever an issuer signs, only a license for this machine that has not ended
// is accepted, and nothing panics.
func FuzzPayload(f *testing.F) {
	for _, payload := range []string{
		"", "null", "[]", "{}", good().String(), good().String() + "x",
		good().with("expiration", "9999-12-31T23:59:59.999999999Z").String(),
		good().with("expiration", "2026-03-31T12:00:00+23:59").String(),
		good().with("expiration", " 20260331T120000-0700\t").with("issuedAt", "2026-03-01T12:00:00 UTC").String(),
		good().with("checkoutMetadata", members{"edition": nil}).String(),
		good().with("entitlementsAllowed", []any{nil, members{"value": 1}}).String(),
	} {
		f.Add(payload)
	}
	want := wanted()
	want.Metadata, want.Entitlements = nil, nil
	f.Fuzz(func(t *testing.T, payload string) {
		license, err := newVerifier(t, borrow.Options{}).Verify(awstokens.NewSecret(text(payload)), want)
		if err != nil {
			var refused *borrow.RefusedError
			require.ErrorAs(t, err, &refused)
			require.Nil(t, license)
			return
		}
		require.Equal(t, licenseARN, license.LicenseARN)
		require.Equal(t, nodeID, license.NodeID)
		require.True(t, license.Expiration.After(now))
		require.False(t, license.IssuedAt.After(now.Add(5*time.Minute)))
		var claims map[string]json.RawMessage // encoding/json is another parser
		require.NoError(t, json.Unmarshal([]byte(payload), &claims))
		for name, got := range map[string]time.Time{"expiration": license.Expiration, "issuedAt": license.IssuedAt} {
			var text string
			require.NoError(t, json.Unmarshal(claims[name], &text))
			day, clock, _ := strings.Cut(strings.TrimSpace(text), "T")
			day = strings.ReplaceAll(day, "-", "")
			require.True(t, got.Format("20060102") == day || strings.ContainsAny(clock, "+-"), "%q is %s", text, got)
		}
	})
}
