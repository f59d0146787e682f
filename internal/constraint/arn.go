package constraint

import "strings"

const maxARNLength = 2048

const arnTail = `:[A-Za-z0-9][A-Za-z0-9_/.-]{0,62}:[A-Za-z0-9_/.-]{0,63}:[A-Za-z0-9_/.-]{0,63}:[A-Za-z0-9][A-Za-z0-9:_/+=,@.-]{0,1023}$`

// The two patterns that License Manager documents for an ARN. They differ in
// the partition: the one of the CreateToken page lists the partitions it
// knows, and leaves out aws-iso, aws-iso-e, aws-iso-f and aws-eusc.
const (
	StrictARNPattern = `^arn:aws(-(cn|us-gov|iso-b|iso-c|iso-d))?` + arnTail
	ARNPattern       = `^arn:aws[a-zA-Z-]*` + arnTail
)

// The character classes of the patterns, as bits of arnClass.
const (
	letter   = 1 << iota // a-z A-Z
	digit                // 0-9
	name                 // _ / . and -
	resource             // : + = , and @
	dash                 // -
)

var arnClass = func() (class [256]uint8) {
	for b := 'a'; b <= 'z'; b++ {
		class[b], class[b-'a'+'A'] = letter, letter
	}
	for b := '0'; b <= '9'; b++ {
		class[b] = digit
	}
	for _, b := range "_/." {
		class[b] = name
	}
	for _, b := range ":+=,@" {
		class[b] = resource
	}
	class['-'] = name | dash
	return class
}()

// MatchStrictARN says whether s matches StrictARNPattern.
func MatchStrictARN(s string) bool {
	partition, rest, ok := cutPartition(s)
	if !ok {
		return false
	}
	switch partition {
	case "aws", "aws-cn", "aws-us-gov", "aws-iso-b", "aws-iso-c", "aws-iso-d":
		return matchTail(rest)
	}
	return false
}

// MatchARN says whether s matches ARNPattern.
func MatchARN(s string) bool {
	partition, rest, ok := cutPartition(s)
	return ok && strings.HasPrefix(partition, "aws") &&
		all(partition[len("aws"):], letter|dash) && matchTail(rest)
}

func cutPartition(s string) (partition, rest string, ok bool) {
	s, ok = strings.CutPrefix(s, "arn:")
	if !ok {
		return "", "", false
	}
	return strings.Cut(s, ":")
}

// matchTail matches what follows the partition: service, region, account and
// resource. No class before the resource holds a colon, so the first three
// colons separate.
func matchTail(s string) bool {
	service, s, _ := strings.Cut(s, ":")
	region, s, _ := strings.Cut(s, ":")
	account, res, ok := strings.Cut(s, ":")
	return ok &&
		len(service) <= 63 && startsAlphanumeric(service) && all(service, letter|digit|name) &&
		len(region) <= 63 && all(region, letter|digit|name) &&
		len(account) <= 63 && all(account, letter|digit|name) &&
		len(res) <= 1024 && startsAlphanumeric(res) && all(res, letter|digit|name|resource)
}

func startsAlphanumeric(s string) bool {
	return s != "" && arnClass[s[0]]&(letter|digit) != 0
}

func all(s string, classes uint8) bool {
	for i := range len(s) {
		if arnClass[s[i]]&classes == 0 {
			return false
		}
	}
	return true
}
