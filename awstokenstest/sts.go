package awstokenstest

import "github.com/seed-25f54b62/awstokens/internal/emulator"

// STS controls the AWS STS of a server. Its operations are AssumeRole,
// AssumeRoleWithWebIdentity and GetCallerIdentity. It is safe for concurrent
// use.
type STS struct{ Service }

// STS returns the controls of AWS STS.
func (s *Server) STS() STS { return STS{Service{s.emulator, emulator.STS}} }
