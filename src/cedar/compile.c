/* The tree of the source into the tree that is run: code.h. */
#include "cedar/code.h"

struct compiler {
	struct rv_arena *arena;
	bool fold;
};

static struct code *compile(struct compiler *c, const struct expr *e);

static struct key make_key(cedar_str name)
{
	return (struct key){ name, key_hash(name) };
}

static bool is_literal(const struct code *c)
{
	return c && c->op == OP_LIT;
}

static bool is_boolean(const struct code *c)
{
	switch (c->op) {
	case OP_NOT:
	case OP_AND:
	case OP_OR:
	case OP_EQ:
	case OP_NE:
	case OP_LT:
	case OP_LE:
	case OP_GT:
	case OP_GE:
	case OP_IN:
	case OP_IS:
	case OP_HAS:
	case OP_WHO_HAS:
	case OP_HAS_TAG:
	case OP_LIKE:
	case OP_IS_EMPTY:
	case OP_CONTAINS:
	case OP_CONTAINS_ALL:
	case OP_CONTAINS_ANY:
		return true;
	case OP_LIT:
		return c->lit.kind == CEDAR_BOOL;
	default:
		return false;
	}
}

/* True when nothing but its parts decides what it comes to, and they are known. */
static bool is_constant(const struct code *c)
{
	switch (c->op) {
	case OP_NOT:
	case OP_NEG:
	case OP_IS_EMPTY:
	case OP_LIKE:
		return is_literal(c->a);
	case OP_IS:
		return is_literal(c->a) && !c->b;
	case OP_ATTR:
	case OP_HAS: /* entities are not known yet */
		return is_literal(c->a) && c->a->lit.kind == CEDAR_RECORD && c->n <= 1;
	case OP_AND:
	case OP_OR:
	case OP_EQ:
	case OP_NE:
	case OP_LT:
	case OP_LE:
	case OP_GT:
	case OP_GE:
	case OP_ADD:
	case OP_SUB:
	case OP_MUL:
	case OP_CONTAINS:
	case OP_CONTAINS_ALL:
	case OP_CONTAINS_ANY:
		return is_literal(c->a) && is_literal(c->b);
	case OP_SET:
	case OP_RECORD:
	case OP_CALL:
		for (uint32_t i = 0; i < c->n; i++)
			if (!is_literal(c->items[i]))
				return false;
		return true;
	default:
		return false;
	}
}

struct code *cedar_fold_logic(struct code *c)
{
	if (!is_literal(c->a) || c->a->lit.kind != CEDAR_BOOL)
		return c;
	bool v = c->a->lit.u.boolean;
	if (c->op == OP_IF)
		return (struct code *)(uintptr_t)(v ? c->b : c->c);
	if (v == (c->op == OP_OR))
		return (struct code *)(uintptr_t)c->a;
	return is_boolean(c->b) ? (struct code *)(uintptr_t)c->b : c;
}

static struct code *fold(struct compiler *c, struct code *code)
{
	if (!c->fold)
		return code;
	if (code->op == OP_AND || code->op == OP_OR || code->op == OP_IF) {
		struct code *folded = cedar_fold_logic(code);
		if (folded != code)
			return folded;
	}
	if (!is_constant(code))
		return code;
	struct env env = { .arena = c->arena, .is_quiet = true };
	cedar_value v;
	if (!cedar_run(&env, code, &v))
		return code; /* fails when it is reached, and only then */
	*code = (struct code){ .op = OP_LIT, .lit = v };
	return code;
}

static bool compile_items(struct compiler *c, const struct expr *e, struct code *to)
{
	const struct code **items = rv_arena_array(c->arena, e->n, sizeof *items);
	if (!items)
		return false;
	for (uint32_t i = 0; i < e->n; i++)
		if (!(items[i] = compile(c, e->items[i])))
			return false;
	to->items = items;
	return true;
}

static bool compile_keys(struct compiler *c, const struct expr *e, struct code *to)
{
	struct key *keys = rv_arena_array(c->arena, e->n, sizeof *keys);
	if (!keys)
		return false;
	for (uint32_t i = 0; i < e->n; i++)
		keys[i] = make_key(e->names[i]);
	to->keys = keys;
	return true;
}

static bool is_who(const struct code *c)
{
	return c->op == OP_PRINCIPAL || c->op == OP_ACTION || c->op == OP_RESOURCE;
}

static void compile_attr(const struct expr *e, struct code *to)
{
	to->key = make_key(e->name);
	if (is_who(to->a)) {
		to->op = OP_WHO_ATTR;
		to->who = to->a->who;
	} else if (to->a->op == OP_CONTEXT) {
		to->op = OP_CONTEXT_ATTR;
	}
}

/* What the operation holds besides its parts. */
static bool compile_own(struct compiler *c, const struct expr *e, struct code *to)
{
	switch ((enum op)e->op) {
	case OP_LIT:
		to->lit = e->lit;
		return true;
	case OP_PRINCIPAL:
	case OP_ACTION:
	case OP_RESOURCE:
		to->who = (uint8_t)(WHO_PRINCIPAL + e->op - OP_PRINCIPAL);
		return true;
	case OP_ATTR:
		compile_attr(e, to);
		return true;
	case OP_HAS:
		if (!compile_keys(c, e, to))
			return false;
		if (e->n == 1 && is_who(to->a)) {
			to->op = OP_WHO_HAS;
			to->who = to->a->who;
			to->key = make_key(e->names[0]);
		}
		return true;
	case OP_LIKE:
		to->pattern = e->pattern;
		return true;
	case OP_IS:
		to->type = e->name;
		return true;
	case OP_SET:
	case OP_CALL:
		return compile_items(c, e, to);
	case OP_RECORD:
		return compile_keys(c, e, to) && compile_items(c, e, to);
	default:
		return true;
	}
}

/* Depth was bounded when the tree was made. */
static struct code *compile(struct compiler *c, const struct expr *e)
{
	struct code *to = rv_arena_alloc(c->arena, sizeof *to);
	if (!to)
		return NULL;
	to->op = e->op;
	to->fn = e->fn;
	to->n = e->n;
	if ((e->a && !(to->a = compile(c, e->a))) || (e->b && !(to->b = compile(c, e->b))) ||
		(e->c && !(to->c = compile(c, e->c))) || !compile_own(c, e, to))
		return NULL;
	return fold(c, to);
}

const struct code *cedar_compile(struct rv_arena *a, const struct expr *e, bool is_folded)
{
	struct compiler c = { a, is_folded };
	return compile(&c, e);
}

/* ---- policies ---- */

static struct match match_of(const struct scope *s)
{
	struct match m = { .op = (uint8_t)s->op, .n = (uint32_t)s->n_list, .type = &s->type };
	if (s->op == SCOPE_IN_LIST)
		m.list = s->list;
	else
		m.uid = s->uid;
	return m;
}

static const struct test *compile_tests(struct rv_arena *a, const struct policy *p)
{
	struct test *tests = rv_arena_array(a, p->n_conditions, sizeof *tests);
	if (!tests)
		return NULL;
	for (size_t i = 0; i < p->n_conditions; i++) {
		tests[i].want = !p->conditions[i].is_unless;
		tests[i].code = cedar_compile(a, p->conditions[i].expr, true);
		if (!tests[i].code)
			return NULL;
	}
	return tests;
}

static bool build(cedar_policies *ps, struct rules *r, const struct test **tests)
{
	for (size_t i = 0; i < ps->n; i++) {
		const struct policy *p = &ps->list[i];
		/* A link has its template's conditions, hence its tests; templates come first. */
		tests[i] = p->info.is_linked ? tests[p->info.template_index]
					     : compile_tests(&ps->arena, p);
		if (!tests[i])
			return false;
		if (p->info.is_template)
			continue; /* satisfied by nothing until it is linked */
		r->list[r->n++] = (struct rule){ .policy = (uint32_t)i,
			.n_tests = (uint32_t)p->n_conditions,
			.tests = tests[i],
			.is_forbid = p->info.is_forbid,
			.heads = { match_of(&p->principal), match_of(&p->action),
				match_of(&p->resource) } };
	}
	return true;
}

cedar_code cedar_rules_build(cedar_policies *ps, bool no_index, cedar_error *err)
{
	struct rules *r = calloc(1, sizeof *r);
	const struct test **tests = calloc(ps->n + 1, sizeof *tests);
	bool ok = r && tests;
	ps->rules = r;
	if (ok) {
		r->list = malloc((ps->n + 1) * sizeof *r->list);
		ok = r->list && build(ps, r, tests);
	}
	if (ok && !no_index) {
		r->index = cedar_index_new(r->list, r->n);
		ok = r->index != NULL;
	}
	free(tests);
	return ok ? CEDAR_OK : CEDAR_FAIL_MEMORY(err);
}

void cedar_rules_free(struct rules *r)
{
	if (!r)
		return;
	cedar_index_free(r->index);
	free(r->list);
	free(r);
}
