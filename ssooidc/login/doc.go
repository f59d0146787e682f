// Package login logs a user in to IAM Identity Center, keeps the tokens where
// the AWS CLI keeps them, and refreshes them.
package login
