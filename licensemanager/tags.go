package licensemanager

import (
	"context"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/constraint"
	"github.com/seed-25f54b62/awstokens/internal/transport"
)

// Tag is a tag of a resource.
type Tag struct {
	Key   string `json:",omitzero"`
	Value string `json:",omitzero"`
}

// TagResourceInput is the input of [Client.TagResource].
type TagResourceInput struct {
	ResourceArn string // ARN of a license, a grant or another resource of the service. Required.
	Tags        []Tag  `json:",omitzero"` // the tags to add. Required.
}

// Validate checks that the required members are there.
func (in *TagResourceInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.RequiredString("ResourceArn", in.ResourceArn)
	c.Required("Tags", in.Tags != nil)
	return c.Err("TagResourceInput")
}

// TagResourceOutput is the output of [Client.TagResource], which has no members.
type TagResourceOutput struct {
	awstokens.Result
}

var tagResource = transport.Operation[TagResourceInput, TagResourceOutput]{Name: "TagResource", Idempotent: true}

// TagResource adds tags to a resource. A tag replaces the one with the same key.
//
// Its exceptions are AccessDeniedException, AuthorizationException,
// InvalidParameterValueException, RateLimitExceededException,
// ServerInternalException and ValidationException.
func (c *Client) TagResource(ctx context.Context, in *TagResourceInput) (*TagResourceOutput, error) {
	return tagResource.Call(ctx, c.transport, in)
}

// UntagResourceInput is the input of [Client.UntagResource].
type UntagResourceInput struct {
	ResourceArn string   // ARN of a license, a grant or another resource of the service. Required.
	TagKeys     []string `json:",omitzero"` // keys of the tags to remove. Required.
}

// Validate checks that the required members are there.
func (in *UntagResourceInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.RequiredString("ResourceArn", in.ResourceArn)
	c.Required("TagKeys", in.TagKeys != nil)
	return c.Err("UntagResourceInput")
}

// UntagResourceOutput is the output of [Client.UntagResource], which has no
// members.
type UntagResourceOutput struct {
	awstokens.Result
}

var untagResource = transport.Operation[UntagResourceInput, UntagResourceOutput]{Name: "UntagResource", Idempotent: true}

// UntagResource removes tags from a resource.
//
// Its exceptions are those of [Client.TagResource].
func (c *Client) UntagResource(ctx context.Context, in *UntagResourceInput) (*UntagResourceOutput, error) {
	return untagResource.Call(ctx, c.transport, in)
}

// ListTagsForResourceInput is the input of [Client.ListTagsForResource].
type ListTagsForResourceInput struct {
	ResourceArn string // ARN of a license, a grant or another resource of the service. Required.
}

// Validate checks that ResourceArn is there.
func (in *ListTagsForResourceInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.RequiredString("ResourceArn", in.ResourceArn)
	return c.Err("ListTagsForResourceInput")
}

// ListTagsForResourceOutput is the output of [Client.ListTagsForResource].
type ListTagsForResourceOutput struct {
	Tags []Tag // all of them: the list has no pages

	awstokens.Result
}

var listTagsForResource = transport.Operation[ListTagsForResourceInput, ListTagsForResourceOutput]{Name: "ListTagsForResource", Idempotent: true}

// ListTagsForResource returns the tags of a resource.
//
// Its exceptions are those of [Client.TagResource].
func (c *Client) ListTagsForResource(ctx context.Context, in *ListTagsForResourceInput) (*ListTagsForResourceOutput, error) {
	return listTagsForResource.Call(ctx, c.transport, in)
}
