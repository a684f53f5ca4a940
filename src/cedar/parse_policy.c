/* Policies: annotations, scope, conditions, ids. */
#include "cedar/parse.h"

static cedar_code parse_annotations(struct parser *p, struct policy *out)
{
	cedar_annotation *list = NULL;
	size_t n = 0, cap = 0;
	while (is_op(p, OP1('@'))) {
		size_t at = p->lex.tok.at;
		CEDAR_TRY(next(p));
		if (p->lex.tok.kind != TOK_IDENT)
			return cedar_parse_unexpected(p, "an annotation's name");
		cedar_annotation an = { .key = p->lex.tok.text, .value = cedar_z("") };
		CEDAR_TRY(next(p));
		if (is_op(p, OP1('('))) {
			CEDAR_TRY(next(p));
			if (p->lex.tok.kind != TOK_STRING)
				return cedar_parse_unexpected(p, "a string literal");
			CEDAR_TRY(cedar_unescape(&p->lex, p->arena, &p->lex.tok, &an.value));
			an.has_value = true;
			CEDAR_TRY(next(p));
			CEDAR_TRY(cedar_parse_expect(p, OP1(')'), "')'"));
		}
		for (size_t i = 0; i < n; i++)
			if (str_eq(list[i].key, an.key))
				return cedar_lex_fail(&p->lex, at, p->lex.before - at,
					"duplicate annotation: @%.*s", RV_FMT(an.key));
		if (n == cap) {
			size_t grown = cap ? cap * 2 : 4;
			cedar_annotation *more = rv_arena_array(p->arena, grown, sizeof *more);
			if (!more)
				return CEDAR_FAIL_MEMORY(p->lex.err);
			if (n > 0)
				memcpy(more, list, n * sizeof *more);
			list = more;
			cap = grown;
		}
		list[n++] = an;
	}
	out->info.annotations = list;
	out->info.n_annotations = n;
	return CEDAR_OK;
}

static cedar_code parse_conditions(struct parser *p, struct policy *out)
{
	struct condition *list = NULL;
	size_t n = 0, cap = 0;
	while (is_word(p, "when") || is_word(p, "unless")) {
		struct condition c = { .is_unless = is_word(p, "unless") };
		size_t at = p->lex.tok.at;
		CEDAR_TRY(next(p));
		CEDAR_TRY(cedar_parse_expect(p, OP1('{'), "'{'"));
		if (is_op(p, OP1('}')))
			return cedar_lex_fail(&p->lex, at, p->lex.tok.at + 1 - at,
				"'%s' condition clause cannot be empty",
				c.is_unless ? "unless" : "when");
		CEDAR_TRY(cedar_parse_expression(p, &c.expr));
		CEDAR_TRY(cedar_parse_expect(p, OP1('}'), "'}'"));
		if (n == cap) {
			size_t grown = cap ? cap * 2 : 2;
			struct condition *more = rv_arena_array(p->arena, grown, sizeof *more);
			if (!more)
				return CEDAR_FAIL_MEMORY(p->lex.err);
			if (n > 0)
				memcpy(more, list, n * sizeof *more);
			list = more;
			cap = grown;
		}
		list[n++] = c;
	}
	out->conditions = list;
	out->n_conditions = n;
	return CEDAR_OK;
}

static cedar_code expect_in_scope(struct parser *p, uint16_t op, const char *want)
{
	return is_op(p, op)
		? next(p)
		: cedar_parse_help(p, cedar_parse_unexpected(p, want), cedar_scope_help);
}

static cedar_code parse_policy(struct parser *p, struct policy *out)
{
	size_t at = p->lex.tok.at;
	p->saw_slot = false;
	CEDAR_TRY(parse_annotations(p, out));
	if (!is_word(p, "permit") && !is_word(p, "forbid"))
		return cedar_parse_unexpected(p, "'permit' or 'forbid'");
	out->info.is_forbid = is_word(p, "forbid");
	CEDAR_TRY(next(p));
	CEDAR_TRY(cedar_parse_expect(p, OP1('('), "'('"));
	CEDAR_TRY(cedar_parse_scope(p, "principal", &out->principal));
	CEDAR_TRY(expect_in_scope(p, OP1(','), "','"));
	CEDAR_TRY(cedar_parse_action(p, &out->action));
	CEDAR_TRY(expect_in_scope(p, OP1(','), "','"));
	CEDAR_TRY(cedar_parse_scope(p, "resource", &out->resource));
	if (is_op(p, OP1(',')))
		CEDAR_TRY(next(p));
	CEDAR_TRY(expect_in_scope(p, OP1(')'), "')'"));
	CEDAR_TRY(parse_conditions(p, out));
	if (!is_op(p, OP1(';')))
		return cedar_parse_unexpected(p, "';', 'when' or 'unless'");
	for (; p->counted < at; p->counted++)
		if (p->lex.text.p[p->counted] == '\n') {
			p->line++;
			p->line_start = p->counted + 1;
		}
	out->info.offset = at;
	out->info.line = p->line + 1;
	out->info.column = (unsigned)(at - p->line_start) + 1;
	out->info.text = (cedar_str){ p->lex.text.p + at, p->lex.tok.at + 1 - at };
	out->info.is_template = p->saw_slot;
	return next(p);
}

cedar_code cedar_parse_policy(
	struct rv_arena *a, cedar_str text, struct policy *out, cedar_error *err)
{
	struct parser p = { .arena = a };
	cedar_str copy = cs(rv_arena_str(a, rs(text)));
	if (!copy.p)
		return CEDAR_FAIL_MEMORY(err);
	CEDAR_TRY(cedar_lex_init(&p.lex, copy, err));
	CEDAR_TRY(parse_policy(&p, out));
	return p.lex.tok.kind == TOK_END ? CEDAR_OK
					 : cedar_parse_unexpected(&p, "the end of the policy");
}

cedar_code cedar_parse_policies(cedar_policies *ps, const cedar_source *src, size_t source,
	const cedar_policies_opts *opts, cedar_error *err)
{
	struct parser p = { .arena = &ps->arena };
	const char *prefix = src->id_prefix ? src->id_prefix : "policy";
	if (src->text.n > TEXT_MAX)
		return cedar_fail(err, CEDAR_ELIMIT, "the text is larger than %d bytes", TEXT_MAX);
	cedar_str text = cs(rv_arena_str(&ps->arena, rs(src->text)));
	if (!text.p)
		return CEDAR_FAIL_MEMORY(err);
	CEDAR_TRY(cedar_lex_init(&p.lex, text, err));
	for (size_t i = 0; p.lex.tok.kind != TOK_END; i++) {
		struct policy *out = cedar_policies_room(ps, err);
		if (!out)
			return CEDAR_ELIMIT;
		CEDAR_TRY(parse_policy(&p, out));
		if (out->info.is_template && opts && opts->no_templates)
			return cedar_lex_fail(&p.lex, out->info.offset, out->info.text.n,
				"a template where only static policies may stand");
		cedar_str id = src->use_id_annotation ? cedar_annotation_get(&out->info, "id")
						      : (cedar_str){ NULL, 0 };
		const char *made = id.p ? NULL : rv_arena_printf(&ps->arena, "%s%zu", prefix, i);
		if (!id.p && !made)
			return CEDAR_FAIL_MEMORY(err);
		out->info.id = id.p ? id : cedar_z(made);
		out->info.source = source;
		ps->n++;
	}
	return CEDAR_OK;
}
