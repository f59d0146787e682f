// Package licensemanager is a client for AWS License Manager.
package licensemanager
