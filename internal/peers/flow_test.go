package peers

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdklm "github.com/aws/aws-sdk-go-v2/service/licensemanager"
	"github.com/aws/aws-sdk-go-v2/service/licensemanager/types"
	sdkoidc "github.com/aws/aws-sdk-go-v2/service/ssooidc"
	oidctypes "github.com/aws/aws-sdk-go-v2/service/ssooidc/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens/licensemanager/licensemanagertest"
)

// The SDK's clients drive the emulator through the token flow and the license
// flow, over the network.
func TestSDKDrivesTheEmulator(t *testing.T) {
	server := licensemanagertest.NewServer(t)
	key, err := server.Config().Credentials.Retrieve(t.Context())
	require.NoError(t, err)
	cfg := aws.Config{
		Region: server.Config().Region, BaseEndpoint: aws.String(server.URL()),
		Credentials: credentials.NewStaticCredentialsProvider(key.AccessKeyID, key.SecretAccessKey, key.SessionToken),
	}
	ctx := context.Background()

	oidc := sdkoidc.NewFromConfig(cfg)
	client, err := oidc.RegisterClient(ctx, &sdkoidc.RegisterClientInput{ClientName: aws.String("peer"), ClientType: aws.String("public")})
	require.NoError(t, err)
	device, err := oidc.StartDeviceAuthorization(ctx, &sdkoidc.StartDeviceAuthorizationInput{
		ClientId: client.ClientId, ClientSecret: client.ClientSecret, StartUrl: aws.String("https://example.awsapps.com/start"),
	})
	require.NoError(t, err)
	poll := &sdkoidc.CreateTokenInput{
		ClientId: client.ClientId, ClientSecret: client.ClientSecret, DeviceCode: device.DeviceCode,
		GrantType: aws.String("urn:ietf:params:oauth:grant-type:device_code"),
	}
	_, err = oidc.CreateToken(ctx, poll)
	var pending *oidctypes.AuthorizationPendingException
	require.ErrorAs(t, err, &pending)
	require.NoError(t, server.IdentityCenter().ApproveDevice(*device.UserCode))
	server.Advance(time.Duration(device.Interval) * time.Second)
	login, err := oidc.CreateToken(ctx, poll)
	require.NoError(t, err)
	assert.NotEmpty(t, login.AccessToken)

	manager := sdklm.NewFromConfig(cfg)
	minted, err := manager.CreateToken(ctx, &sdklm.CreateTokenInput{
		ClientToken: aws.String("peer-1"), LicenseArn: aws.String(server.LicenseArn()), RoleArns: []string{server.RoleArn()},
	})
	require.NoError(t, err)
	access, err := manager.GetAccessToken(ctx, &sdklm.GetAccessTokenInput{Token: minted.Token})
	require.NoError(t, err)
	role, err := sts.NewFromConfig(cfg).AssumeRoleWithWebIdentity(ctx, &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: aws.String(server.RoleArn()), RoleSessionName: aws.String("peer"), WebIdentityToken: access.AccessToken,
	})
	require.NoError(t, err)

	product := sdklm.NewFromConfig(cfg, func(o *sdklm.Options) {
		o.Credentials = credentials.NewStaticCredentialsProvider(*role.Credentials.AccessKeyId, *role.Credentials.SecretAccessKey, *role.Credentials.SessionToken)
	})
	seat, err := product.CheckoutLicense(ctx, &sdklm.CheckoutLicenseInput{
		CheckoutType: types.CheckoutTypeProvisional, ClientToken: aws.String("peer-2"), ProductSKU: aws.String(server.ProductSKU()),
		KeyFingerprint: aws.String(server.KeyFingerprint()),
		Entitlements:   []types.EntitlementData{{Name: aws.String(licensemanagertest.Seats), Unit: types.EntitlementDataUnitCount, Value: aws.String("2")}},
	})
	require.NoError(t, err)
	assert.Equal(t, 2, server.SeatsTaken(licensemanagertest.Seats))
	_, err = product.ExtendLicenseConsumption(ctx, &sdklm.ExtendLicenseConsumptionInput{LicenseConsumptionToken: seat.LicenseConsumptionToken})
	require.NoError(t, err)
	_, err = product.CheckInLicense(ctx, &sdklm.CheckInLicenseInput{LicenseConsumptionToken: seat.LicenseConsumptionToken})
	require.NoError(t, err)
	assert.Zero(t, server.SeatsTaken(licensemanagertest.Seats))
	_, err = product.CheckInLicense(ctx, &sdklm.CheckInLicenseInput{LicenseConsumptionToken: seat.LicenseConsumptionToken})
	var gone *types.ResourceNotFoundException
	assert.ErrorAs(t, err, &gone)
}
