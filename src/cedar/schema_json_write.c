/* Schemas as JSON. What text says, JSON says in the reference's words (cedar-policy-core,
 * validator/cedar_schema/to_json_schema.rs): a type's name may be an entity's or a common type's, a
 * context that is a name is a common type's, and an action that applies to nothing says so. */
#include "cedar/forms.h"
#include "cedar/schema_write.h"

struct writer {
	struct rv_buf *b;
	const cedar_schema *s;
	const struct raw_namespace *ns;
	enum schema_names names;
};

/* ---- what names mean ---- */

static const struct raw_namespace *find_namespace(const struct raw_schema *raw, cedar_str name)
{
	for (size_t i = 0; i < raw->n; i++)
		if (str_eq(raw->list[i].name, name))
			return &raw->list[i];
	return NULL;
}

static void split(cedar_str name, cedar_str *ret_ns, cedar_str *ret_base)
{
	size_t at = name.n;
	while (at > 0 && name.p[at - 1] != ':')
		at--;
	*ret_base = (cedar_str){ name.p + at, name.n - at };
	*ret_ns = (cedar_str){ name.p, at >= 2 ? at - 2 : 0 };
}

static bool declares(const struct raw_namespace *ns, cedar_str name, enum raw_kind kind)
{
	for (size_t i = 0; kind == RAW_COMMON && i < ns->n_commons; i++)
		if (str_eq(ns->commons[i].name, name))
			return true;
	for (size_t i = 0; kind == RAW_ENTITY && i < ns->n_entities; i++)
		if (str_eq(ns->entities[i].name, name))
			return true;
	return kind == RAW_ENTITY && ns->n_actions > 0 && rv_str_eqz(rs(name), "Action");
}

struct schema_ref cedar_schema_ref(
	const cedar_schema *s, const struct raw_namespace *ns, enum raw_kind kind, cedar_str name)
{
	static const enum raw_kind kinds[] = { RAW_COMMON, RAW_ENTITY };
	cedar_str own, base;
	split(name, &own, &base);
	/* One without "::" is looked for in its own namespace first. */
	const cedar_str spaces[] = { own.n ? own : ns->name, own };
	for (size_t i = 0; i < 2; i++) {
		const struct raw_namespace *in = find_namespace(&s->raw, spaces[i]);
		for (size_t k = 0; in && k < 2; k++)
			if ((kind == RAW_NAME || kind == kinds[k]) && declares(in, base, kinds[k]))
				return (struct schema_ref){ kinds[k], in->name, base };
	}
	return (struct schema_ref){ RAW_NAME, own, base };
}

static void put_full(struct rv_buf *b, struct schema_ref ref)
{
	RV_AUTO_BUF full;
	rv_buf_init(&full, 1 << 20);
	if (ref.ns.n)
		rv_buf_printf(&full, "%.*s::", RV_FMT(ref.ns));
	rv_buf_add(&full, rs(ref.name));
	cedar_put_json_string(b, cs(rv_buf_str(&full)));
	b->failed = b->failed || full.failed;
}

/* ---- types ---- */

static void put_annotations(struct rv_buf *b, struct notes notes)
{
	if (notes.n == 0)
		return;
	rv_buf_addz(b, ",\"annotations\":{");
	for (size_t i = 0; i < notes.n; i++) {
		rv_buf_addz(b, i ? "," : "");
		cedar_put_json_string(b, notes.list[i].key);
		rv_buf_addc(b, ':');
		cedar_put_json_string(b, notes.list[i].value);
	}
	rv_buf_addc(b, '}');
}

static void put_members(struct writer *w, const struct raw_type *t);

static void put_type(struct writer *w, const struct raw_type *t)
{
	rv_buf_addc(w->b, '{');
	put_members(w, t);
	rv_buf_addc(w->b, '}');
}

static void put_attributes(struct writer *w, const struct raw_type *t)
{
	rv_buf_addz(w->b, ",\"attributes\":{");
	for (size_t i = 0; i < t->n_attrs; i++) {
		const struct raw_attr *a = &t->attrs[i];
		rv_buf_addz(w->b, i ? "," : "");
		cedar_put_json_string(w->b, a->name);
		rv_buf_addz(w->b, ":{");
		put_members(w, a->type);
		put_annotations(w->b, a->notes);
		rv_buf_addz(w->b, a->is_optional ? ",\"required\":false}" : "}");
	}
	rv_buf_addc(w->b, '}');
	if (t->is_open)
		rv_buf_addz(w->b, ",\"additionalAttributes\":true");
}

/* One of the language's own types. In the canonical form without "__cedar::". */
static void put_builtin(struct writer *w, cedar_str written, cedar_str base)
{
	rv_buf_addz(w->b, "\"type\":");
	cedar_put_json_string(w->b, w->names == NAMES_CANONICAL ? base : written);
}

static void put_name(struct writer *w, const struct raw_type *t)
{
	static const char *const words[] = { [RAW_NAME] = "\"EntityOrCommon\",\"name\":",
		[RAW_ENTITY] = "\"Entity\",\"name\":",
		[RAW_COMMON] = "" };
	if (w->names == NAMES_AS_WRITTEN) {
		rv_buf_printf(w->b, "\"type\":%s", words[t->kind]);
		cedar_put_json_string(w->b, t->name);
		return;
	}
	const struct schema_ref ref = cedar_schema_ref(w->s, w->ns, t->kind, t->name);
	if (ref.kind == RAW_NAME) {
		put_builtin(w, t->name, ref.name);
		return;
	}
	rv_buf_printf(w->b, "\"type\":%s", words[ref.kind]);
	put_full(w->b, ref);
}

/* Without the braces: what belongs to an attribute stands between them too. */
static void put_members(struct writer *w, const struct raw_type *t)
{
	switch (t->kind) {
	case RAW_NAME:
	case RAW_ENTITY:
	case RAW_COMMON:
		put_name(w, t);
		break;
	case RAW_EXTENSION:
		if (w->names == NAMES_CANONICAL) {
			put_builtin(w, t->name, t->name);
			break;
		}
		rv_buf_addz(w->b, "\"type\":\"Extension\",\"name\":");
		cedar_put_json_string(w->b, t->name);
		break;
	case RAW_LONG:
		rv_buf_addz(w->b, "\"type\":\"Long\"");
		break;
	case RAW_STRING:
		rv_buf_addz(w->b, "\"type\":\"String\"");
		break;
	case RAW_BOOL:
		rv_buf_printf(
			w->b, "\"type\":\"%s\"", w->names == NAMES_CANONICAL ? "Bool" : "Boolean");
		break;
	case RAW_SET:
		rv_buf_addz(w->b, "\"type\":\"Set\",\"element\":");
		put_type(w, t->element);
		break;
	case RAW_RECORD:
		rv_buf_addz(w->b, "\"type\":\"Record\"");
		put_attributes(w, t);
		break;
	}
}

/* ---- declarations ---- */

static bool is_empty_record(const struct raw_type *t)
{
	return !t || (t->kind == RAW_RECORD && t->n_attrs == 0 && !t->is_open);
}

static void put_names(struct writer *w, const char *member, const struct raw_name *list, size_t n)
{
	rv_buf_printf(w->b, "\"%s\":[", member);
	for (size_t i = 0; i < n; i++) {
		rv_buf_addz(w->b, i ? "," : "");
		if (w->names == NAMES_AS_WRITTEN)
			cedar_put_json_string(w->b, list[i].name);
		else
			put_full(w->b, cedar_schema_ref(w->s, w->ns, RAW_ENTITY, list[i].name));
	}
	rv_buf_addc(w->b, ']');
}

/* Members are written with a comma in front; the first one goes. */
static void begin(struct writer *w, size_t *mark)
{
	rv_buf_addc(w->b, '{');
	*mark = w->b->n;
}

static void end(struct writer *w, size_t mark)
{
	if (!w->b->failed && w->b->n > mark && w->b->p[mark] == ',') {
		memmove(w->b->p + mark, w->b->p + mark + 1, w->b->n - mark - 1);
		w->b->n--;
	}
	rv_buf_addc(w->b, '}');
}

static void put_entity(struct writer *w, const struct raw_entity *e)
{
	size_t mark;
	begin(w, &mark);
	if (e->is_enum) {
		rv_buf_addz(w->b, "\"enum\":[");
		for (size_t i = 0; i < e->n_choices; i++) {
			rv_buf_addz(w->b, i ? "," : "");
			cedar_put_json_string(w->b, e->choices[i]);
		}
		rv_buf_addc(w->b, ']');
	}
	if (e->n_parents > 0) {
		rv_buf_addc(w->b, ',');
		put_names(w, "memberOfTypes", e->parents, e->n_parents);
	}
	if (!is_empty_record(e->shape)) {
		rv_buf_addz(w->b, ",\"shape\":");
		put_type(w, e->shape);
	}
	if (e->tags) {
		rv_buf_addz(w->b, ",\"tags\":");
		put_type(w, e->tags);
	}
	put_annotations(w->b, e->notes);
	end(w, mark);
}

/* A group named without a type is an action of the same namespace, or of the one without a name. */
static void put_group(struct writer *w, const struct raw_action_ref *ref)
{
	rv_buf_addz(w->b, "{\"id\":");
	cedar_put_json_string(w->b, ref->id);
	if (w->names == NAMES_AS_WRITTEN && ref->type.p) {
		rv_buf_addz(w->b, ",\"type\":");
		cedar_put_json_string(w->b, ref->type);
	} else if (w->names != NAMES_AS_WRITTEN) {
		struct schema_ref full = cedar_schema_ref(
			w->s, w->ns, RAW_ENTITY, ref->type.p ? ref->type : cedar_z("Action"));
		bool own = false;
		for (size_t i = 0; i < w->ns->n_actions && str_eq(full.ns, w->ns->name); i++)
			own = own || str_eq(w->ns->actions[i].name, ref->id);
		if (!own && (!ref->type.p || rv_str_eqz(rs(ref->type), "Action")))
			full.ns = cedar_z("");
		rv_buf_addz(w->b, ",\"type\":");
		put_full(w->b, full);
	}
	rv_buf_addc(w->b, '}');
}

static void put_context(struct writer *w, const struct raw_type *t)
{
	struct raw_type common = *t;
	if (t->kind == RAW_NAME && w->s->raw.text.p)
		common.kind = RAW_COMMON; /* as text means it */
	rv_buf_addz(w->b, ",\"context\":");
	put_type(w, &common);
}

static void put_action(struct writer *w, const struct raw_action *a)
{
	bool canonical = w->names == NAMES_CANONICAL, none = !a->n_principals || !a->n_resources;
	size_t mark;
	begin(w, &mark);
	if (canonical ? a->n_parents > 0 : a->has_parents) {
		rv_buf_addz(w->b, ",\"memberOf\":[");
		for (size_t i = 0; i < a->n_parents; i++) {
			rv_buf_addz(w->b, i ? "," : "");
			put_group(w, &a->parents[i]);
		}
		rv_buf_addc(w->b, ']');
	}
	if (canonical ? !none : a->has_applies || w->s->raw.text.p) {
		rv_buf_addz(w->b, ",\"appliesTo\":{");
		put_names(w, "principalTypes", a->principals, a->n_principals);
		rv_buf_addc(w->b, ',');
		put_names(w, "resourceTypes", a->resources, a->n_resources);
		if (!is_empty_record(a->context))
			put_context(w, a->context);
		rv_buf_addc(w->b, '}');
	}
	put_annotations(w->b, a->notes);
	end(w, mark);
}

static void put_namespace(struct writer *w, const struct raw_namespace *ns)
{
	w->ns = ns;
	cedar_put_json_string(w->b, ns->name);
	rv_buf_addz(w->b, ":{");
	if (ns->n_commons > 0) {
		rv_buf_addz(w->b, "\"commonTypes\":{");
		for (size_t i = 0; i < ns->n_commons; i++) {
			rv_buf_addz(w->b, i ? "," : "");
			cedar_put_json_string(w->b, ns->commons[i].name);
			rv_buf_addz(w->b, ":{");
			put_members(w, ns->commons[i].type);
			put_annotations(w->b, ns->commons[i].notes);
			rv_buf_addc(w->b, '}');
		}
		rv_buf_addz(w->b, "},");
	}
	rv_buf_addz(w->b, "\"entityTypes\":{");
	for (size_t i = 0; i < ns->n_entities; i++) {
		rv_buf_addz(w->b, i ? "," : "");
		cedar_put_json_string(w->b, ns->entities[i].name);
		rv_buf_addc(w->b, ':');
		put_entity(w, &ns->entities[i]);
	}
	rv_buf_addz(w->b, "},\"actions\":{");
	for (size_t i = 0; i < ns->n_actions; i++) {
		rv_buf_addz(w->b, i ? "," : "");
		cedar_put_json_string(w->b, ns->actions[i].name);
		rv_buf_addc(w->b, ':');
		put_action(w, &ns->actions[i]);
	}
	rv_buf_addc(w->b, '}');
	put_annotations(w->b, ns->notes);
	rv_buf_addc(w->b, '}');
}

void cedar_schema_put_json(struct rv_buf *b, const cedar_schema *s, enum schema_names names)
{
	struct writer w = { .b = b, .s = s, .names = names };
	bool first = true;
	rv_buf_addc(b, '{');
	for (size_t i = 0; i < s->raw.n; i++) {
		const struct raw_namespace *ns = &s->raw.list[i];
		bool says_nothing = ns->name.n == 0 && ns->n_commons == 0 && ns->n_entities == 0 &&
			ns->n_actions == 0;
		if (says_nothing && names == NAMES_CANONICAL)
			continue;
		rv_buf_addz(b, first ? "" : ",");
		first = false;
		put_namespace(&w, ns);
	}
	rv_buf_addc(b, '}');
}
