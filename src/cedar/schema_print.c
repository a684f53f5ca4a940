/* Types for people. */
#include "cedar/schema.h"

static void print_record(const cedar_schema *s, const struct type *t, struct rv_buf *out)
{
	if (t->is_open && t->n_attrs == 0) {
		rv_buf_addz(out, "a record");
		return;
	}
	rv_buf_addc(out, '{');
	for (size_t i = 0; i < t->n_attrs; i++) {
		rv_buf_printf(out, "%s%.*s%s: ", i ? ", " : "", RV_FMT(t->attrs[i].name),
			t->attrs[i].is_optional ? "?" : "");
		cedar_type_print(s, t->attrs[i].type, out);
	}
	rv_buf_addz(out, t->is_open ? ", ...}" : "}");
}

void cedar_type_print(const cedar_schema *s, const struct type *t, struct rv_buf *out)
{
	switch (t->kind) {
	case TY_NEVER:
		rv_buf_addz(out, "nothing");
		break;
	case TY_TRUE:
		rv_buf_addz(out, "true");
		break;
	case TY_FALSE:
		rv_buf_addz(out, "false");
		break;
	case TY_BOOL:
		rv_buf_addz(out, "Bool");
		break;
	case TY_LONG:
		rv_buf_addz(out, "Long");
		break;
	case TY_STRING:
		rv_buf_addz(out, "String");
		break;
	case TY_SET:
		if (!t->element) {
			rv_buf_addz(out, "a set");
			break;
		}
		if (t->element->kind == TY_ANY_ENTITY) {
			rv_buf_addz(out, "a set of entities");
			break;
		}
		rv_buf_addz(out, "Set<");
		cedar_type_print(s, t->element, out);
		rv_buf_addc(out, '>');
		break;
	case TY_RECORD:
		print_record(s, t, out);
		break;
	case TY_ENTITY:
		for (size_t i = 0; i < t->n_types; i++)
			rv_buf_printf(
				out, "%s%.*s", i ? " | " : "", RV_FMT(s->types[t->types[i]].name));
		break;
	case TY_ANY_ENTITY:
		rv_buf_addz(out, "an entity");
		break;
	case TY_EXTENSION:
		rv_buf_addz(out, cedar_kind_name(t->extension));
		break;
	}
}
