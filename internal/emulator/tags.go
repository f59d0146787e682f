package emulator

import (
	"slices"

	"github.com/seed-25f54b62/awstokens/licensemanager"
)

// tags are the tags of a resource, in the order in which their keys were added.
type tags []licensemanager.Tag

func (t *tags) set(list []licensemanager.Tag) {
	for _, tag := range list {
		i := slices.IndexFunc(*t, func(has licensemanager.Tag) bool { return has.Key == tag.Key })
		if i < 0 {
			*t = append(*t, tag)
		} else {
			(*t)[i] = tag
		}
	}
}

// findTags returns the tags of a license or a grant that the caller's account
// made. Whether another account can see them is not published.
func (l *licenseManager) findTags(r *request, arn string) (*tags, *failure) {
	if of := l.find(arn); of != nil && of.account == r.account() {
		return &of.tags, nil
	}
	if g := l.grants.get(arn); g != nil && g.grantor == r.account() {
		return &g.tags, nil
	}
	return nil, fail("InvalidParameterValueException", "Resource %s does not exist.", arn)
}

func (l *licenseManager) tagResource(r *request, in *licensemanager.TagResourceInput) (any, *failure) {
	t, refusal := l.findTags(r, in.ResourceArn)
	if refusal != nil {
		return nil, refusal
	}
	t.set(in.Tags)
	return object{}, nil
}

func (l *licenseManager) untagResource(r *request, in *licensemanager.UntagResourceInput) (any, *failure) {
	t, refusal := l.findTags(r, in.ResourceArn)
	if refusal != nil {
		return nil, refusal
	}
	*t = slices.DeleteFunc(*t, func(tag licensemanager.Tag) bool { return slices.Contains(in.TagKeys, tag.Key) })
	return object{}, nil
}

func (l *licenseManager) listTagsForResource(r *request, in *licensemanager.ListTagsForResourceInput) (any, *failure) {
	t, refusal := l.findTags(r, in.ResourceArn)
	if refusal != nil {
		return nil, refusal
	}
	return object{"Tags": append(tags{}, *t...)}, nil
}
