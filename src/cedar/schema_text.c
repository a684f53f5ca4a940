/* Schemas in Cedar's own syntax into declarations. */
#include "cedar/lex.h"
#include "cedar/schema.h"

struct reader {
	struct lexer lex;
	struct rv_arena *arena;
	struct raw_schema *out;
	unsigned depth;
};

static cedar_code read_type(struct reader *r, const struct raw_type **ret);

static cedar_code fail_here(struct reader *r, const char *want)
{
	const struct token *t = &r->lex.tok;
	if (t->kind == TOK_END)
		return cedar_lex_fail(
			&r->lex, t->at, 0, "unexpected end of input; expected %s", want);
	return cedar_lex_fail(&r->lex, t->at, t->n, "unexpected '%.*s'; expected %s",
		t->n > 40 ? 40 : (int)t->n, r->lex.text.p + t->at, want);
}

static bool is_op(const struct reader *r, uint16_t op)
{
	return r->lex.tok.kind == TOK_OP && r->lex.tok.op == op;
}

static bool is_word(const struct reader *r, const char *word)
{
	return r->lex.tok.kind == TOK_IDENT && rv_str_eqz(rs(r->lex.tok.text), word);
}

static cedar_code next(struct reader *r)
{
	return cedar_lex_next(&r->lex);
}

static cedar_code expect(struct reader *r, uint16_t op, const char *want)
{
	return is_op(r, op) ? next(r) : fail_here(r, want);
}

/* Takes it if it stands here. */
static cedar_code maybe(struct reader *r, uint16_t op, bool *ret)
{
	*ret = is_op(r, op);
	return *ret ? next(r) : CEDAR_OK;
}

static struct place here(const struct reader *r)
{
	return (struct place){ r->lex.tok.at, r->lex.tok.n, 0, 0 };
}

static cedar_code ident(struct reader *r, cedar_str *ret, const char *want)
{
	const struct token *t = &r->lex.tok;
	if (t->kind != TOK_IDENT)
		return fail_here(r, want);
	if (cedar_is_reserved(t->text))
		return cedar_lex_fail(&r->lex, t->at, t->n,
			"this identifier is reserved and cannot be used: %.*s", RV_FMT(t->text));
	*ret = t->text;
	return next(r);
}

static cedar_code string(struct reader *r, cedar_str *ret)
{
	if (r->lex.tok.kind != TOK_STRING)
		return fail_here(r, "a string literal");
	CEDAR_TRY(cedar_unescape(&r->lex, r->arena, &r->lex.tok, ret));
	return next(r);
}

/* An identifier or a string: it names an attribute or an action, and there __cedar is a word like
 * others. */
static cedar_code name(struct reader *r, cedar_str *ret, const char *want)
{
	if (is_word(r, "__cedar")) {
		*ret = r->lex.tok.text;
		return next(r);
	}
	return r->lex.tok.kind == TOK_STRING ? string(r, ret) : ident(r, ret, want);
}

/* IDENT {'::' IDENT}, and where ret_id is not NULL perhaps '::' STRING (its p is NULL otherwise).
 * __cedar may begin a path and is none by itself. */
static cedar_code path(struct reader *r, cedar_str *ret, cedar_str *ret_id)
{
	RV_AUTO_BUF b;
	rv_buf_init(&b, 1 << 16);
	if (ret_id)
		*ret_id = (cedar_str){ NULL, 0 };
	if (is_word(r, "__cedar")) {
		rv_buf_add(&b, rs(r->lex.tok.text));
		CEDAR_TRY(next(r));
		CEDAR_TRY(expect(r, OP2(':', ':'), "'::' behind __cedar"));
		rv_buf_addz(&b, "::");
	}
	for (;;) {
		cedar_str part;
		CEDAR_TRY(ident(r, &part, "a type name"));
		rv_buf_add(&b, rs(part));
		if (!is_op(r, OP2(':', ':')))
			break;
		CEDAR_TRY(next(r));
		if (ret_id && r->lex.tok.kind == TOK_STRING) {
			CEDAR_TRY(string(r, ret_id));
			break;
		}
		rv_buf_addz(&b, "::");
	}
	*ret = cs(rv_arena_str(r->arena, rv_buf_str(&b)));
	return b.failed || !ret->p ? CEDAR_FAIL_MEMORY(r->lex.err) : CEDAR_OK;
}

static cedar_code annotations(struct reader *r, struct notes *ret)
{
	cedar_annotation *list = NULL;
	size_t n = 0, cap = 0;
	bool given;
	while (is_op(r, OP1('@'))) {
		size_t at = r->lex.tok.at;
		CEDAR_TRY(next(r));
		if (r->lex.tok.kind != TOK_IDENT)
			return fail_here(r, "an annotation's name");
		cedar_annotation an = { .key = r->lex.tok.text, .value = cedar_z("") };
		CEDAR_TRY(next(r));
		CEDAR_TRY(maybe(r, OP1('('), &given));
		if (given) {
			CEDAR_TRY(string(r, &an.value));
			an.has_value = true;
			CEDAR_TRY(expect(r, OP1(')'), "')'"));
		}
		for (size_t i = 0; i < n; i++)
			if (str_eq(list[i].key, an.key))
				return cedar_lex_fail(&r->lex, at, r->lex.before - at,
					"duplicate annotation: @%.*s", RV_FMT(an.key));
		if (!ARENA_PUSH(r->arena, list, n, cap, an))
			return CEDAR_FAIL_MEMORY(r->lex.err);
	}
	*ret = (struct notes){ list, n };
	return CEDAR_OK;
}

/* ---- types ---- */

static cedar_code read_attrs(struct reader *r, struct raw_type *t)
{
	struct raw_attr *list = NULL;
	size_t n = 0, cap = 0;
	bool comma = true;
	while (!is_op(r, OP1('}'))) {
		struct raw_attr at = { 0 };
		if (!comma)
			return fail_here(r, "',' or '}'");
		CEDAR_TRY(annotations(r, &at.notes));
		at.at = here(r);
		CEDAR_TRY(name(r, &at.name, "an attribute's name or '}'"));
		CEDAR_TRY(maybe(r, OP1('?'), &at.is_optional));
		CEDAR_TRY(expect(r, OP1(':'), "':'"));
		CEDAR_TRY(read_type(r, &at.type));
		for (size_t i = 0; i < n; i++)
			if (str_eq(list[i].name, at.name))
				return cedar_lex_fail(&r->lex, at.at.offset, at.at.length,
					"attribute '%.*s' is declared twice", RV_FMT(at.name));
		if (!ARENA_PUSH(r->arena, list, n, cap, at))
			return CEDAR_FAIL_MEMORY(r->lex.err);
		CEDAR_TRY(maybe(r, OP1(','), &comma));
	}
	t->kind = RAW_RECORD;
	t->attrs = list;
	t->n_attrs = n;
	return next(r);
}

static cedar_code read_type_inner(struct reader *r, struct raw_type *t)
{
	bool given;
	if (is_op(r, OP1('{'))) {
		CEDAR_TRY(next(r));
		return read_attrs(r, t);
	}
	CEDAR_TRY(path(r, &t->name, NULL));
	t->kind = RAW_NAME;
	if (!rv_str_eqz(rs(t->name), "Set"))
		return CEDAR_OK;
	CEDAR_TRY(maybe(r, OP1('<'), &given));
	if (!given)
		return CEDAR_OK;
	t->kind = RAW_SET;
	CEDAR_TRY(read_type(r, &t->element));
	return expect(r, OP1('>'), "'>'");
}

static cedar_code read_type(struct reader *r, const struct raw_type **ret)
{
	struct raw_type *t = rv_arena_alloc(r->arena, sizeof *t);
	if (!t)
		return CEDAR_FAIL_MEMORY(r->lex.err);
	if (++r->depth > SCHEMA_DEPTH_MAX) {
		(void)cedar_lex_fail(&r->lex, r->lex.tok.at, r->lex.tok.n,
			"types nest more than %d deep",
			SCHEMA_DEPTH_MAX); /* with the limit's code */
		if (r->lex.err)
			r->lex.err->code = CEDAR_ELIMIT;
		return CEDAR_ELIMIT;
	}
	t->at = here(r);
	CEDAR_TRY(read_type_inner(r, t));
	t->at.length = r->lex.before - t->at.offset;
	r->depth--;
	*ret = t;
	return CEDAR_OK;
}

/* Path | '[' [Path {',' Path}] ']', without a trailing comma. */
static cedar_code entity_types(struct reader *r, const struct raw_name **ret, size_t *ret_n)
{
	struct raw_name *list = NULL;
	size_t n = 0, cap = 0;
	bool bracket, comma;
	CEDAR_TRY(maybe(r, OP1('['), &bracket));
	if (bracket && is_op(r, OP1(']'))) {
		*ret_n = 0;
		return next(r);
	}
	do {
		struct raw_name one = { .at = here(r) };
		CEDAR_TRY(path(r, &one.name, NULL));
		one.at.length = r->lex.before - one.at.offset;
		if (!ARENA_PUSH(r->arena, list, n, cap, one))
			return CEDAR_FAIL_MEMORY(r->lex.err);
		comma = false;
		if (bracket)
			CEDAR_TRY(maybe(r, OP1(','), &comma));
	} while (comma);
	*ret = list;
	*ret_n = n;
	return bracket ? expect(r, OP1(']'), "',' or ']'") : CEDAR_OK;
}

/* ---- declarations ---- */

/* X {',' X} of identifiers or names. */
static cedar_code names(struct reader *r, bool strings_too, struct raw_name **ret, size_t *ret_n)
{
	struct raw_name *list = NULL;
	size_t n = 0, cap = 0;
	bool comma;
	do {
		struct raw_name one = { .at = here(r) };
		CEDAR_TRY(strings_too ? name(r, &one.name, "a name")
				      : ident(r, &one.name, "an entity type's name"));
		if (!ARENA_PUSH(r->arena, list, n, cap, one))
			return CEDAR_FAIL_MEMORY(r->lex.err);
		CEDAR_TRY(maybe(r, OP1(','), &comma));
	} while (comma);
	*ret = list;
	*ret_n = n;
	return CEDAR_OK;
}

static cedar_code read_choices(struct reader *r, struct raw_entity *e)
{
	cedar_str *list = NULL;
	size_t n = 0, cap = 0;
	bool comma;
	CEDAR_TRY(next(r));
	CEDAR_TRY(expect(r, OP1('['), "'['"));
	do {
		cedar_str s;
		CEDAR_TRY(string(r, &s));
		if (!ARENA_PUSH(r->arena, list, n, cap, s))
			return CEDAR_FAIL_MEMORY(r->lex.err);
		CEDAR_TRY(maybe(r, OP1(','), &comma));
	} while (comma);
	e->is_enum = true;
	e->choices = list;
	e->n_choices = n;
	return expect(r, OP1(']'), "',' or ']'");
}

static cedar_code read_entity(struct reader *r, struct raw_namespace *ns, struct notes notes)
{
	struct raw_name *list;
	size_t n;
	bool equals;
	struct raw_entity e = { .notes = notes };
	CEDAR_TRY(names(r, false, &list, &n));
	if (is_word(r, "enum")) {
		CEDAR_TRY(read_choices(r, &e));
	} else {
		if (is_word(r, "in")) {
			CEDAR_TRY(next(r));
			CEDAR_TRY(entity_types(r, &e.parents, &e.n_parents));
		}
		CEDAR_TRY(maybe(r, OP1('='), &equals));
		if (equals && !is_op(r, OP1('{')))
			return fail_here(r, "'{'");
		if (is_op(r, OP1('{')))
			CEDAR_TRY(read_type(r, &e.shape));
		if (is_word(r, "tags")) {
			CEDAR_TRY(next(r));
			CEDAR_TRY(read_type(r, &e.tags));
		}
	}
	for (size_t i = 0; i < n; i++) {
		e.name = list[i].name;
		e.at = list[i].at;
		if (!ARENA_PUSH(r->arena, ns->entities, ns->n_entities, ns->cap_entities, e))
			return CEDAR_FAIL_MEMORY(r->lex.err);
	}
	return expect(r, OP1(';'), "';'");
}

/* Name | Path '::' STRING */
static cedar_code action_ref(struct reader *r, struct raw_action_ref *ret)
{
	cedar_str id;
	*ret = (struct raw_action_ref){ .at = here(r) };
	if (r->lex.tok.kind == TOK_STRING)
		return string(r, &ret->id);
	CEDAR_TRY(path(r, &ret->type, &id));
	ret->at.length = r->lex.before - ret->at.offset;
	if (id.p) {
		ret->id = id;
		return CEDAR_OK;
	}
	if (rv_str_find(rs(ret->type), ':', 0) != SIZE_MAX)
		return fail_here(r, "'::' and the action's id in quotes");
	ret->id = ret->type;
	ret->type = (cedar_str){ NULL, 0 };
	return CEDAR_OK;
}

static cedar_code action_refs(struct reader *r, struct raw_action *a)
{
	struct raw_action_ref *list = NULL, one;
	size_t n = 0, cap = 0;
	bool bracket, comma;
	CEDAR_TRY(next(r));
	CEDAR_TRY(maybe(r, OP1('['), &bracket));
	do {
		CEDAR_TRY(action_ref(r, &one));
		if (!ARENA_PUSH(r->arena, list, n, cap, one))
			return CEDAR_FAIL_MEMORY(r->lex.err);
		comma = false;
		if (bracket)
			CEDAR_TRY(maybe(r, OP1(','), &comma));
	} while (comma);
	a->has_parents = true;
	a->parents = list;
	a->n_parents = n;
	return bracket ? expect(r, OP1(']'), "',' or ']'") : CEDAR_OK;
}

static cedar_code read_applies(struct reader *r, struct raw_action *a)
{
	bool comma = true, has_context = false;
	size_t at = r->lex.tok.at;
	CEDAR_TRY(next(r));
	CEDAR_TRY(expect(r, OP1('{'), "'{'"));
	a->has_applies = true;
	while (!is_op(r, OP1('}'))) {
		struct token word = r->lex.tok;
		if (!comma)
			return fail_here(r, "',' or '}'");
		bool principal = is_word(r, "principal"), context = is_word(r, "context");
		if (!principal && !context && !is_word(r, "resource"))
			return fail_here(r, "'principal', 'resource' or 'context'");
		CEDAR_TRY(next(r));
		CEDAR_TRY(expect(r, OP1(':'), "':'"));
		if (context ? has_context : principal ? a->n_principals > 0 : a->n_resources > 0)
			return cedar_lex_fail(&r->lex, word.at, word.n, "'%.*s' is given twice",
				RV_FMT(word.text));
		if (context) {
			has_context = true;
			CEDAR_TRY(read_type(r, &a->context));
			if (a->context->kind == RAW_SET)
				return cedar_lex_fail(&r->lex, a->context->at.offset,
					a->context->at.length, "a context is a record");
		} else {
			size_t *n = principal ? &a->n_principals : &a->n_resources;
			CEDAR_TRY(entity_types(r, principal ? &a->principals : &a->resources, n));
			if (*n == 0)
				return cedar_lex_fail(&r->lex, word.at, r->lex.before - word.at,
					"the list of %.*s types is empty", RV_FMT(word.text));
		}
		CEDAR_TRY(maybe(r, OP1(','), &comma));
	}
	CEDAR_TRY(next(r));
	if (a->n_principals == 0 || a->n_resources == 0)
		return cedar_lex_fail(&r->lex, at, r->lex.before - at,
			"appliesTo names no %s types",
			a->n_principals == 0 ? "principal" : "resource");
	return CEDAR_OK;
}

static cedar_code read_action(struct reader *r, struct raw_namespace *ns, struct notes notes)
{
	struct raw_name *list;
	size_t n;
	struct raw_action a = { .notes = notes };
	CEDAR_TRY(names(r, true, &list, &n));
	if (is_word(r, "in"))
		CEDAR_TRY(action_refs(r, &a));
	if (is_word(r, "appliesTo"))
		CEDAR_TRY(read_applies(r, &a));
	if (is_word(r, "attributes")) {
		CEDAR_TRY(next(r));
		CEDAR_TRY(expect(r, OP1('{'), "'{'"));
		CEDAR_TRY(expect(r, OP1('}'), "'}': actions have no attributes"));
	}
	for (size_t i = 0; i < n; i++) {
		a.name = list[i].name;
		a.at = list[i].at;
		if (!ARENA_PUSH(r->arena, ns->actions, ns->n_actions, ns->cap_actions, a))
			return CEDAR_FAIL_MEMORY(r->lex.err);
	}
	return expect(r, OP1(';'), "';'");
}

static cedar_code read_common(struct reader *r, struct raw_namespace *ns, struct notes notes)
{
	struct raw_common c = { .notes = notes, .at = here(r) };
	CEDAR_TRY(ident(r, &c.name, "a type's name"));
	CEDAR_TRY(expect(r, OP1('='), "'='"));
	CEDAR_TRY(read_type(r, &c.type));
	if (!ARENA_PUSH(r->arena, ns->commons, ns->n_commons, ns->cap_commons, c))
		return CEDAR_FAIL_MEMORY(r->lex.err);
	return expect(r, OP1(';'), "';'");
}

static cedar_code read_decl(struct reader *r, cedar_str ns_name, struct notes notes)
{
	struct raw_namespace *ns = cedar_raw_namespace(r->arena, r->out, ns_name);
	if (!ns)
		return CEDAR_FAIL_MEMORY(r->lex.err);
	bool entity = is_word(r, "entity"), action = is_word(r, "action");
	if (!entity && !action && !is_word(r, "type"))
		return fail_here(r, "'entity', 'action' or 'type'");
	CEDAR_TRY(next(r));
	if (entity)
		return read_entity(r, ns, notes);
	return action ? read_action(r, ns, notes) : read_common(r, ns, notes);
}

static cedar_code read_namespace(struct reader *r, struct notes notes)
{
	struct token at;
	cedar_str ns_name;
	CEDAR_TRY(next(r));
	at = r->lex.tok;
	CEDAR_TRY(path(r, &ns_name, NULL));
	if (!cedar_is_path(ns_name))
		return cedar_lex_fail(&r->lex, at.at, r->lex.before - at.at,
			"'%.*s' is reserved and cannot name a namespace", RV_FMT(ns_name));
	for (size_t i = 0; i < r->out->n; i++)
		if (str_eq(r->out->list[i].name, ns_name))
			return cedar_lex_fail(&r->lex, at.at, r->lex.before - at.at,
				"namespace '%.*s' is declared twice", RV_FMT(ns_name));
	struct raw_namespace *ns = cedar_raw_namespace(r->arena, r->out, ns_name);
	if (!ns)
		return CEDAR_FAIL_MEMORY(r->lex.err);
	ns->notes = notes;
	CEDAR_TRY(expect(r, OP1('{'), "'{'"));
	while (!is_op(r, OP1('}'))) {
		struct notes inner;
		CEDAR_TRY(annotations(r, &inner));
		CEDAR_TRY(read_decl(r, ns_name, inner));
	}
	return next(r);
}

cedar_code cedar_schema_read_text(
	struct rv_arena *a, cedar_str text, struct raw_schema *ret, cedar_error *err)
{
	struct reader r = { .arena = a, .out = ret };
	*ret = (struct raw_schema){ .text = cs(rv_arena_str(a, rs(text))) };
	if (text.n > SCHEMA_TEXT_MAX)
		return cedar_fail(
			err, CEDAR_ELIMIT, "the schema is larger than %d bytes", SCHEMA_TEXT_MAX);
	if (!ret->text.p)
		return CEDAR_FAIL_MEMORY(err);
	CEDAR_TRY(cedar_lex_init(&r.lex, ret->text, err));
	while (r.lex.tok.kind != TOK_END) {
		struct notes notes;
		CEDAR_TRY(annotations(&r, &notes));
		if (is_word(&r, "namespace"))
			CEDAR_TRY(read_namespace(&r, notes));
		else
			CEDAR_TRY(read_decl(&r, cedar_z(""), notes));
	}
	return CEDAR_OK;
}
