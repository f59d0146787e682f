package emulator

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"time"
)

// callName identifies what a ClientToken stands for: one call of an operation by
// an account.
type callName struct{ account, operation, clientToken string }

// call is the last successful call of a callName.
type call struct {
	at    time.Time
	input string
	made  any
}

// once processes a call that has a ClientToken. If the same call was processed
// within the window, and what it made still lives, once returns that. A call
// with other parameters is refused with ValidationException, the only fitting
// exception that all operations with a ClientToken publish.
func once[T any](l *licenseManager, r *request, clientToken string, in any, lives func(T) bool, do func() (T, *failure)) (T, *failure) {
	input := inputText(in)
	name := callName{r.account(), r.operation, clientToken}
	window := cmp.Or(l.options.ClientTokenWindow, clientTokenWindow)
	if r.operation == "CreateToken" {
		window = clientTokenWindow // the one that is published
	}
	if earlier, ok := l.calls.get(r.now, name); ok && r.now.Before(earlier.at.Add(window)) {
		made := earlier.made.(T)
		switch {
		case earlier.input != input:
			var none T
			return none, fail("ValidationException", "ClientToken was used with other parameters in the last %s.", window)
		case lives == nil || lives(made):
			return made, nil
		}
	}
	made, refusal := do()
	if refusal == nil {
		l.calls.put(r.now, name, call{r.now, input, made}, r.now.Add(window))
	}
	return made, refusal
}

// inputText returns an input as a string in which an empty list equals an absent
// one: whether the service tells them apart is not published.
func inputText(in any) string {
	text, err := json.Marshal(in)
	var members map[string]any
	if err == nil {
		err = json.Unmarshal(text, &members)
	}
	if err != nil {
		panic(err) // it was made from JSON
	}
	maps.DeleteFunc(members, func(_ string, member any) bool {
		list, ok := member.([]any)
		return member == nil || ok && len(list) == 0
	})
	return fmt.Sprint(members) // sorted by key
}
