package transport

import (
	"errors"
	"fmt"
	"net"
	"strings"
)

// hint explains why the host of the service may not exist, if that is what err
// says. A custom endpoint, or that of a proxy, explains itself.
func (c *client) hint(err error) string {
	var dns *net.DNSError
	if !errors.As(err, &dns) || !dns.IsNotFound || strings.TrimSuffix(dns.Name, ".") != c.endpoint.Hostname() ||
		c.cfg.BaseEndpoint != "" || c.cfg.ServiceEndpoints[c.service.ID] != "" {
		return ""
	}
	variant := ""
	if c.cfg.UseFIPS {
		variant += " FIPS"
	}
	if c.cfg.UseDualStack {
		variant += " dual-stack"
	}
	return fmt.Sprintf(" (%s may have no%s endpoint in the Region %s)", c.service.ID, variant, c.cfg.Region)
}
