package awstokenstest

import "github.com/seed-25f54b62/awstokens/internal/emulator"

// STS controls the AWS STS of a server. Its operations are AssumeRole,
// AssumeRoleWithWebIdentity and GetCallerIdentity. AssumeRole accepts as
// ProvidedContexts the identity contexts that CreateTokenWithIAM returned, for
// an hour. STS is safe for concurrent use.
type STS struct{ Service }

// STS returns the controls of AWS STS.
func (s *Server) STS() STS { return STS{Service{s.emulator, emulator.STS}} }

// DenySetContext makes AssumeRole with ProvidedContexts return AccessDenied, as
// for a role whose trust policy does not allow sts:SetContext.
func (s STS) DenySetContext(on bool) {
	s.emulator.Behave(func(b *emulator.Behavior) { b.DenySetContext = on })
}
