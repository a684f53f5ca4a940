/* Schemas as text, a declaration a paragraph, in the reference's style (cedar-policy-core,
 * validator/cedar_schema/fmt.rs). The language's own types are written with "__cedar::", which no
 * declaration can hide. */
#include "cedar/forms.h"
#include "cedar/schema_write.h"

enum { INDENT = 2 };
struct writer {
	struct rv_buf *b;
	const cedar_schema *s;
	const struct raw_namespace *ns;
	cedar_error *err;
};

static void put_indent(struct writer *w, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		rv_buf_addc(w->b, ' ');
}

static void put_annotations(struct writer *w, struct notes notes, unsigned indent)
{
	for (size_t i = 0; i < notes.n; i++) {
		put_indent(w, indent);
		rv_buf_printf(w->b, "@%.*s", RV_FMT(notes.list[i].key));
		if (notes.list[i].has_value) {
			rv_buf_addc(w->b, '(');
			cedar_put_string(w->b, notes.list[i].value);
			rv_buf_addc(w->b, ')');
		}
		rv_buf_addc(w->b, '\n');
	}
}

/* ---- types ---- */

static void put_type(struct writer *w, const struct raw_type *t, unsigned indent);

static void put_record(struct writer *w, const struct raw_type *t, unsigned indent)
{
	rv_buf_addz(w->b, t->n_attrs ? "{\n" : "{");
	for (size_t i = 0; i < t->n_attrs; i++) {
		const struct raw_attr *a = &t->attrs[i];
		put_annotations(w, a->notes, indent + INDENT);
		put_indent(w, indent + INDENT);
		cedar_put_name(w->b, a->name);
		rv_buf_addz(w->b, a->is_optional ? "?: " : ": ");
		put_type(w, a->type, indent + INDENT);
		rv_buf_addz(w->b, i + 1 < t->n_attrs ? ",\n" : "\n");
	}
	if (t->n_attrs)
		put_indent(w, indent);
	rv_buf_addc(w->b, '}');
}

static void put_type(struct writer *w, const struct raw_type *t, unsigned indent)
{
	switch (t->kind) {
	case RAW_NAME:
	case RAW_ENTITY:
	case RAW_COMMON:
		rv_buf_add(w->b, rs(t->name));
		break;
	case RAW_EXTENSION:
		rv_buf_printf(w->b, "__cedar::%.*s", RV_FMT(t->name));
		break;
	case RAW_LONG:
		rv_buf_addz(w->b, "__cedar::Long");
		break;
	case RAW_STRING:
		rv_buf_addz(w->b, "__cedar::String");
		break;
	case RAW_BOOL:
		rv_buf_addz(w->b, "__cedar::Bool");
		break;
	case RAW_SET:
		rv_buf_addz(w->b, "Set<");
		put_type(w, t->element, indent);
		rv_buf_addc(w->b, '>');
		break;
	case RAW_RECORD:
		put_record(w, t, indent);
		break;
	}
}

/* ---- what text has no words for ---- */

static cedar_code check_type(struct writer *w, const struct raw_type *t)
{
	if (!t)
		return CEDAR_OK;
	if (t->is_open)
		return cedar_schema_fail(&w->s->raw, t->at, w->err,
			"text has no words for a record with additional attributes");
	if (t->kind == RAW_SET)
		return check_type(w, t->element);
	for (size_t i = 0; t->kind == RAW_RECORD && i < t->n_attrs; i++)
		CEDAR_TRY(check_type(w, t->attrs[i].type));
	if (t->kind == RAW_ENTITY &&
		cedar_schema_ref(w->s, w->ns, RAW_NAME, t->name).kind == RAW_COMMON)
		return cedar_schema_fail(&w->s->raw, t->at, w->err,
			"text cannot tell the entity type '%.*s' from the common type of that name",
			RV_FMT(t->name));
	return CEDAR_OK;
}

static cedar_code check_entity(struct writer *w, const struct raw_entity *e)
{
	if (e->shape && e->shape->kind != RAW_RECORD)
		return cedar_schema_fail(&w->s->raw, e->at, w->err,
			"entity type '%.*s' has a common type for its shape, which text has no "
			"words for; write the record out",
			RV_FMT(e->name));
	CEDAR_TRY(check_type(w, e->shape));
	return check_type(w, e->tags);
}

static cedar_code check_namespace(struct writer *w, const struct raw_namespace *ns)
{
	w->ns = ns;
	if (ns->name.n == 0 && ns->notes.n > 0)
		return cedar_fail(w->err, CEDAR_ESCHEMA,
			"the namespace without a name has annotations, which text has no words "
			"for");
	for (size_t i = 0; i < ns->n_commons; i++)
		CEDAR_TRY(check_type(w, ns->commons[i].type));
	for (size_t i = 0; i < ns->n_entities; i++)
		CEDAR_TRY(check_entity(w, &ns->entities[i]));
	for (size_t i = 0; i < ns->n_actions; i++)
		CEDAR_TRY(check_type(w, ns->actions[i].context));
	return CEDAR_OK;
}

/* ---- declarations ---- */

static void put_names(struct writer *w, const struct raw_name *list, size_t n)
{
	rv_buf_addc(w->b, '[');
	for (size_t i = 0; i < n; i++)
		rv_buf_printf(w->b, "%s%.*s", i ? ", " : "", RV_FMT(list[i].name));
	rv_buf_addc(w->b, ']');
}

static void put_entity(struct writer *w, const struct raw_entity *e, unsigned indent)
{
	put_annotations(w, e->notes, indent);
	put_indent(w, indent);
	rv_buf_printf(w->b, "entity %.*s", RV_FMT(e->name));
	if (e->is_enum) {
		rv_buf_addz(w->b, " enum [");
		for (size_t i = 0; i < e->n_choices; i++) {
			rv_buf_addz(w->b, i ? ", " : "");
			cedar_put_string(w->b, e->choices[i]);
		}
		rv_buf_addc(w->b, ']');
	}
	if (e->n_parents > 0) {
		rv_buf_addz(w->b, " in ");
		put_names(w, e->parents, e->n_parents);
	}
	if (e->shape && e->shape->n_attrs > 0) {
		rv_buf_addz(w->b, " = ");
		put_type(w, e->shape, indent);
	}
	if (e->tags) {
		rv_buf_addz(w->b, " tags ");
		put_type(w, e->tags, indent);
	}
	rv_buf_addz(w->b, ";\n");
}

static void put_groups(struct writer *w, const struct raw_action *a)
{
	rv_buf_addz(w->b, " in [");
	for (size_t i = 0; i < a->n_parents; i++) {
		rv_buf_addz(w->b, i ? ", " : "");
		if (a->parents[i].type.p)
			rv_buf_printf(w->b, "%.*s::", RV_FMT(a->parents[i].type));
		cedar_put_string(w->b, a->parents[i].id);
	}
	rv_buf_addc(w->b, ']');
}

static void put_action(struct writer *w, const struct raw_action *a, unsigned indent)
{
	put_annotations(w, a->notes, indent);
	put_indent(w, indent);
	rv_buf_addz(w->b, "action ");
	cedar_put_string(w->b, a->name);
	if (a->n_parents > 0)
		put_groups(w, a);
	if (a->n_principals > 0 && a->n_resources > 0) {
		rv_buf_addz(w->b, " appliesTo {\n");
		put_indent(w, indent + INDENT);
		rv_buf_addz(w->b, "principal: ");
		put_names(w, a->principals, a->n_principals);
		rv_buf_addz(w->b, ",\n");
		put_indent(w, indent + INDENT);
		rv_buf_addz(w->b, "resource: ");
		put_names(w, a->resources, a->n_resources);
		rv_buf_addz(w->b, ",\n");
		put_indent(w, indent + INDENT);
		rv_buf_addz(w->b, "context: ");
		if (a->context)
			put_type(w, a->context, indent + INDENT);
		else
			rv_buf_addz(w->b, "{}");
		rv_buf_addc(w->b, '\n');
		put_indent(w, indent);
		rv_buf_addc(w->b, '}');
	}
	rv_buf_addz(w->b, ";\n");
}

static void put_gap(struct writer *w, size_t *n)
{
	if ((*n)++ > 0)
		rv_buf_addc(w->b, '\n');
}

static void put_namespace(struct writer *w, const struct raw_namespace *ns)
{
	unsigned indent = ns->name.n ? INDENT : 0;
	size_t n = 0;
	if (ns->name.n) {
		put_annotations(w, ns->notes, 0);
		rv_buf_printf(w->b, "namespace %.*s {\n", RV_FMT(ns->name));
	}
	for (size_t i = 0; i < ns->n_commons; i++) {
		put_gap(w, &n);
		put_annotations(w, ns->commons[i].notes, indent);
		put_indent(w, indent);
		rv_buf_printf(w->b, "type %.*s = ", RV_FMT(ns->commons[i].name));
		put_type(w, ns->commons[i].type, indent);
		rv_buf_addz(w->b, ";\n");
	}
	for (size_t i = 0; i < ns->n_entities; i++) {
		put_gap(w, &n);
		put_entity(w, &ns->entities[i], indent);
	}
	for (size_t i = 0; i < ns->n_actions; i++) {
		put_gap(w, &n);
		put_action(w, &ns->actions[i], indent);
	}
	if (ns->name.n)
		rv_buf_addz(w->b, "}\n");
}

cedar_code cedar_schema_put_text(struct rv_buf *b, const cedar_schema *s, cedar_error *err)
{
	struct writer w = { .b = b, .s = s, .err = err };
	for (size_t i = 0; i < s->raw.n; i++) {
		cedar_code code = check_namespace(&w, &s->raw.list[i]);
		if (code != CEDAR_OK && err)
			err->code = CEDAR_ESCHEMA;
		if (code != CEDAR_OK)
			return CEDAR_ESCHEMA;
	}
	for (size_t i = 0; i < s->raw.n; i++) {
		rv_buf_addz(b, b->n ? "\n" : "");
		put_namespace(&w, &s->raw.list[i]);
	}
	return CEDAR_OK;
}
