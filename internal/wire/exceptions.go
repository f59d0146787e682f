package wire

import (
	"reflect"

	"github.com/aws/smithy-go"
)

// Exceptions returns the function Exception of a format, for a service that
// publishes the exceptions given, which are pointers to structs.
func Exceptions(published ...smithy.APIError) func(code string) smithy.APIError {
	return func(code string) smithy.APIError {
		for _, e := range published {
			if e.ErrorCode() == code {
				return reflect.New(reflect.TypeOf(e).Elem()).Interface().(smithy.APIError)
			}
		}
		return nil
	}
}
