package constraint

import "strings"

const maxARNLength = 2048

const arnTail = `:[A-Za-z0-9][A-Za-z0-9_/.-]{0,62}:[A-Za-z0-9_/.-]{0,63}:[A-Za-z0-9_/.-]{0,63}:[A-Za-z0-9][A-Za-z0-9:_/+=,@.-]{0,1023}$`

// The two patterns that License Manager documents for an ARN. They differ in
// the partition: the one of the CreateToken page lists partitions, and omits
// aws-iso, aws-iso-e, aws-iso-f and aws-eusc.
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

// strictPartitions are those that StrictARNPattern lists.
var strictPartitions = [...]string{"aws:", "aws-cn:", "aws-us-gov:", "aws-iso-b:", "aws-iso-c:", "aws-iso-d:"}

// mismatchStrictARN returns the index of the first byte of s that does not match
// StrictARNPattern, or -1 if s matches.
func mismatchStrictARN(s string) int {
	rest, ok := strings.CutPrefix(s, "arn:")
	if !ok {
		return commonPrefix(s, "arn:")
	}
	furthest := 0
	for _, partition := range strictPartitions {
		n := commonPrefix(rest, partition)
		if n == len(partition) {
			return mismatchTail(s, len("arn:")+n)
		}
		furthest = max(furthest, n)
	}
	return len("arn:") + furthest
}

// mismatchARN is mismatchStrictARN for ARNPattern.
func mismatchARN(s string) int {
	if !strings.HasPrefix(s, "arn:aws") {
		return commonPrefix(s, "arn:aws")
	}
	i := span(s, len("arn:aws"), letter|dash, len(s))
	if i == len(s) || s[i] != ':' {
		return i
	}
	return mismatchTail(s, i+1)
}

// mismatchTail matches what follows the partition, from i on: service, region,
// account and resource. Only the resource can contain a colon.
func mismatchTail(s string, i int) int {
	for field := range 3 {
		limit := 63
		if field == 0 { // the service, which is not empty
			if i == len(s) || !startsField(s[i]) {
				return i
			}
			i, limit = i+1, 62
		}
		i = span(s, i, letter|digit|name, limit)
		if i == len(s) || s[i] != ':' {
			return i
		}
		i++
	}
	if i == len(s) || !startsField(s[i]) {
		return i
	}
	if i = span(s, i+1, letter|digit|name|resource, 1023); i < len(s) {
		return i
	}
	return -1
}

func startsField(b byte) bool { return arnClass[b]&(letter|digit) != 0 }

// span returns the end of the run of at most limit bytes of some classes that
// begins at i.
func span(s string, i int, classes uint8, limit int) int {
	end := min(len(s), i+limit)
	for i < end && arnClass[s[i]]&classes != 0 {
		i++
	}
	return i
}

func commonPrefix(a, b string) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}
