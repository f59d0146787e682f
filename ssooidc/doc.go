// Package ssooidc is a client for IAM Identity Center OIDC.
package ssooidc
