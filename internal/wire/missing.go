package wire

import "reflect"

// missing returns the path of the first member that is tagged wire:"required"
// and zero in the struct that out points to, such as
// roleCredentials.accessKeyId, or "". It also looks into the structs that
// required members hold.
func missing(out any) string {
	if out == nil {
		return ""
	}
	return missingIn(planOf(reflect.TypeOf(out)), reflect.ValueOf(out))
}

func missingIn(p *plan, v reflect.Value) string {
	if p.kind == reflect.Pointer && !v.IsNil() {
		p, v = p.elem, v.Elem()
	}
	for i := range p.fields {
		f := &p.fields[i]
		if !f.required {
			continue
		}
		member := v.FieldByIndex(f.index)
		if member.IsZero() {
			return f.name
		}
		if path := missingIn(f.plan, member); path != "" {
			return f.name + "." + path
		}
	}
	return ""
}

// hasMembers reports whether a body has any member for the struct that out
// points to. An output of no more than its Result has none. Any other type
// than a struct has.
func hasMembers(out any) bool {
	if out == nil {
		return false
	}
	p := planOf(reflect.TypeOf(out))
	if p.kind == reflect.Pointer {
		p = p.elem
	}
	return p.kind != reflect.Struct || p.decodes || len(p.fields) > 0
}
