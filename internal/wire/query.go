package wire

import (
	"encoding/xml"
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"unicode/utf8"

	"github.com/aws/smithy-go"
)

// Query is awsQuery for one service: a form goes out, XML comes back.
type Query struct {
	Version string // of the API
}

var formContentType = []string{"application/x-www-form-urlencoded; charset=utf-8"}

// Encode implements [Format]. A member that is zero is left out.
func (f *Query) Encode(op Operation, in any) (Request, error) {
	form := []byte("Action=" + op.Name + "&Version=" + f.Version)
	form, err := appendForm(form, "", reflect.ValueOf(in).Elem())
	return Request{Method: http.MethodPost, Header: [2]HeaderField{{"Content-Type", formContentType}}, Body: form}, err
}

// appendForm writes a value under a name such as ProvidedContexts.member.1.
func appendForm(form []byte, name string, v reflect.Value) ([]byte, error) {
	var err error
	switch {
	case v.IsZero():
	case v.Kind() == reflect.Struct && v.Type() != secretType:
		if name != "" {
			name += "."
		}
		for i := 0; i < v.NumField() && err == nil; i++ {
			form, err = appendForm(form, name+v.Type().Field(i).Name, v.Field(i))
		}
	case v.Kind() == reflect.Slice:
		for i := 0; i < v.Len() && err == nil; i++ {
			form, err = appendForm(form, name+".member."+strconv.Itoa(i+1), v.Index(i))
		}
	default:
		value := plainText(v)
		if !utf8.ValidString(value) {
			return nil, memberError(name, "contains invalid UTF-8")
		}
		form = append(form, "&"+name+"="+url.QueryEscape(value)...)
	}
	return form, err
}

// QueryError is an error that a service reports in awsQuery.
type QueryError struct {
	Code    string `xml:"Error>Code"`
	Message string `xml:"Error>Message"`
	Type    string `xml:"Error>Type"` // Sender or Receiver
}

// QueryError implements [smithy.APIError].
func (e *QueryError) Error() string        { return e.Code + ": " + e.Message }
func (e *QueryError) ErrorCode() string    { return e.Code }
func (e *QueryError) ErrorMessage() string { return e.Message }

// ErrorFault says whose fault it is.
func (e *QueryError) ErrorFault() smithy.ErrorFault {
	if e.Type == "Receiver" {
		return smithy.FaultServer
	}
	return smithy.FaultClient
}

// As makes the error a [*smithy.GenericAPIError] for errors.As, too, because no
// code has a type of its own.
func (e *QueryError) As(target any) bool {
	generic, ok := target.(**smithy.GenericAPIError)
	if ok {
		*generic = &smithy.GenericAPIError{Code: e.Code, Message: e.Message, Fault: e.ErrorFault()}
	}
	return ok
}

// Decode implements [Format]. It reads <ActionResponse><ActionResult>…, or
// <ErrorResponse><Error>….
func (f *Query) Decode(resp Response, out any) error {
	if !success(resp.StatusCode) {
		e := new(QueryError)
		if xml.Unmarshal(resp.Body, e) != nil || e.Code == "" {
			return ErrNoCode
		}
		return e
	}
	var response struct {
		Metadata struct{} `xml:"ResponseMetadata"`
		Result   any      `xml:",any"`
	}
	response.Result = out
	err := xml.Unmarshal(resp.Body, &response)
	if err != nil {
		err = errors.New("the body is not the XML it should be") // that of the decoder may repeat keys
	}
	return checkOutput(out, err)
}
