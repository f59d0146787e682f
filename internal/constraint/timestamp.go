package constraint

import "strings"

// TimestampPattern is what License Manager documents for the shape
// ISO8601DateTime.
const TimestampPattern = `^(-?(?:[1-9][0-9]*)?[0-9]{4})-(1[0-2]|0[1-9])-(3[0-1]|0[1-9]|[1-2][0-9])T(2[0-3]|[0-1][0-9]):([0-5][0-9]):([0-5][0-9])(\.[0-9]+)?(Z|[+-](?:2[ 0-3]|[0-1][0-9]):[0-5][0-9])+$`

// matchTimestamp reports whether s matches TimestampPattern.
func matchTimestamp(s string) bool {
	s = strings.TrimPrefix(s, "-")
	year := digits(s)
	if year < 4 || year > 4 && s[0] == '0' {
		return false
	}
	s = s[year:]
	// -MM-DDThh:mm:ss
	if len(s) < 15 || s[0] != '-' || s[3] != '-' || s[6] != 'T' || s[9] != ':' || s[12] != ':' ||
		!between(s[1:3], "01", "12") || !between(s[4:6], "01", "31") ||
		!between(s[7:9], "00", "23") || !between(s[10:12], "00", "59") || !between(s[13:15], "00", "59") {
		return false
	}
	s = s[15:]
	if strings.HasPrefix(s, ".") {
		fraction := digits(s[1:])
		if fraction == 0 {
			return false
		}
		s = s[1+fraction:]
	}
	// The pattern allows several zones, and the hour "2 ".
	for first := true; first || s != ""; first = false {
		switch {
		case strings.HasPrefix(s, "Z"):
			s = s[1:]
		case len(s) >= 6 && (s[0] == '+' || s[0] == '-') && s[3] == ':' &&
			(between(s[1:3], "00", "23") || s[1:3] == "2 ") && between(s[4:6], "00", "59"):
			s = s[6:]
		default:
			return false
		}
	}
	return true
}

// digits returns the number of digits that s starts with.
func digits(s string) int {
	n := 0
	for n < len(s) && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	return n
}

// between reports whether s is two digits from low to high.
func between(s, low, high string) bool {
	return digits(s) == 2 && low <= s && s <= high
}
