// Package peers holds awstokens against aws-sdk-go-v2: what both send, read
// and sign for the same call. It is a module of its own, so that the SDK never
// enters the library's dependencies.
package peers
