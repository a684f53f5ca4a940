/* Policies held against their schema. Installations extend the vocabulary by naming things: an
 * action of any name, and kinds of resources in namespaces of their own with the shape of
 * Reeve::Resource. What a file names of these is declared before it is checked. Everything else
 * (types, attributes, context) is what reeve.cedarschema says; what it does not declare may be read
 * only behind a `has`. */
#include <stdio.h>

#include "cedar.h"
#include "governance/policy_schema.h"
#include "governance/reeve_schema.inc" /* made of reeve.cedarschema */

enum { SCHEMA_MAX = 8 << 20, WORDS_MAX = 100000 };
static const char *const EFFECTS[] = { "read", "write", "destructive", "external" };
enum { N_EFFECTS = RV_COUNT(EFFECTS) };

static const char RESOURCE_SHAPE[] =
	" in [Reeve::Collection] = { \"kind\": String, \"known\": Bool, \"environment\"?: String, "
	"\"data_class\"?: String, \"owner\"?: Reeve::Person } tags String;\n";

/* A type or an action that the policies name. */
struct word {
	struct rv_str ns, name; /* action: its id */
	bool is_action;
};
struct words {
	struct rv_arena *arena;
	struct word *list;
	size_t n, cap;
	bool is_full;
};

/* ---- what the policies name ---- */

static void split_type(struct rv_str type, struct rv_str *ret_ns, struct rv_str *ret_base)
{
	size_t at = type.n;
	while (at > 0 && type.p[at - 1] != ':')
		at--;
	*ret_base = rv_str_sub(type, at, type.n);
	*ret_ns = at >= 2 ? rv_str_sub(type, 0, at - 2) : rv_str_n("", 0);
}

static void add_word(struct words *w, struct word one)
{
	if (w->n == w->cap) {
		size_t cap = w->cap ? w->cap * 2 : 16;
		struct word *more =
			w->n < WORDS_MAX ? rv_arena_array(w->arena, cap, sizeof *more) : NULL;
		if (!more) {
			w->is_full = true;
			return;
		}
		if (w->n > 0)
			memcpy(more, w->list, w->n * sizeof *more);
		w->list = more;
		w->cap = cap;
	}
	w->list[w->n++] = one;
}

/* Own kinds stand in namespaces: a bare type is no resource's and stays unknown, as does a type of
 * Reeve's that is not there. */
static void on_name(void *arg, cedar_str type, const cedar_uid *uid)
{
	struct word one;
	split_type(rv_str_n(type.p, type.n), &one.ns, &one.name);
	one.is_action = rv_str_eqz(one.name, "Action");
	if (one.is_action && !uid)
		return;
	if (one.is_action)
		one.name = rv_str_n(uid->id.p, uid->id.n);
	if (one.ns.n > 0 && (one.is_action || !rv_str_eqz(one.ns, "Reeve")))
		add_word(arg, one);
}

static int word_order(const void *a, const void *b)
{
	const struct word *x = a, *y = b;
	int c = rv_str_cmp(x->ns, y->ns);
	if (c == 0)
		c = (int)x->is_action - (int)y->is_action;
	return c ? c : rv_str_cmp(x->name, y->name);
}

static bool is_declared(const struct word *w)
{
	static const char *const own[] = { "read", "write", "destructive", "external", "use" };
	for (size_t i = 0; i < RV_COUNT(own); i++)
		if (w->is_action && rv_str_eqz(w->ns, "Reeve") && rv_str_eqz(w->name, own[i]))
			return true;
	return false;
}

static enum rv_code find_words(const cedar_policies *ps, struct words *w, struct rv_err *err)
{
	size_t kept = 0;
	for (size_t i = 0; i < cedar_policies_count(ps); i++)
		cedar_policy_names(ps, i, on_name, w);
	if (w->is_full)
		return RV_FAIL(err, RV_ELIMIT, "the policies name too many things");
	if (w->n > 0)
		qsort(w->list, w->n, sizeof *w->list, word_order);
	for (size_t i = 0; i < w->n; i++)
		if (!is_declared(&w->list[i]) &&
			(kept == 0 || word_order(&w->list[kept - 1], &w->list[i]) != 0))
			w->list[kept++] = w->list[i];
	w->n = kept;
	return RV_OK;
}

/* ---- the schema ---- */

void rv_policy_quote(struct rv_buf *b, struct rv_str s)
{
	rv_buf_addc(b, '"');
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c == '"' || c == '\\')
			rv_buf_printf(b, "\\%c", c);
		else if (c < ' ' || c == 127)
			rv_buf_printf(b, "\\u{%x}", c);
		else
			rv_buf_addc(b, (char)c);
	}
	rv_buf_addc(b, '"');
}

/* The group of an action and what it applies to. effect: NULL is no group. */
static void put_place(struct rv_buf *b, const struct words *w, const char *effect)
{
	if (effect)
		rv_buf_printf(b, " in [Reeve::Action::\"%s\"]", effect);
	rv_buf_addz(b, " appliesTo { principal: [Reeve::System], resource: [Reeve::Resource");
	for (size_t i = 0; i < w->n; i++)
		if (!w->list[i].is_action)
			rv_buf_printf(
				b, ", %.*s::%.*s", RV_FMT(w->list[i].ns), RV_FMT(w->list[i].name));
	rv_buf_addz(b, "], context: Reeve::Context };\n");
}

static void put_word(
	struct rv_buf *b, const struct words *w, const struct word *one, const char *effect)
{
	if (!one->is_action) {
		rv_buf_printf(b, "entity %.*s%s", RV_FMT(one->name), RESOURCE_SHAPE);
		return;
	}
	rv_buf_addz(b, "action ");
	rv_policy_quote(b, one->name);
	put_place(b, w, effect);
}

/* The groups are actions, too: an action may be named "read". */
static void put_groups(struct rv_buf *b, const struct words *w, const char *effect)
{
	for (size_t i = 0; i < N_EFFECTS; i++) {
		rv_buf_printf(b, "action \"%s\"", EFFECTS[i]);
		put_place(b, w, strcmp(EFFECTS[i], effect) == 0 ? NULL : effect);
	}
}

/* reeve.cedarschema with its groups written anew, and words of Reeve's added before the brace that
 * ends its namespace; `any` stands for actions that no policy names. */
static void put_base(struct rv_buf *b, const struct words *w, const char *effect)
{
	static const char groups[] = "action \"read\";";
	static const struct word any = { .ns = RV_STR_INIT("Reeve"),
		.name = RV_STR_INIT("any other action"),
		.is_action = true };
	bool is_named = false;
	const char *at = strstr(reeve_schema, groups);
	const char *rest = at ? strchr(at, '\n') : NULL;
	const char *end = strrchr(reeve_schema, '}');
	rv_assert(rest && end && end > rest);
	rv_buf_add(b, rv_str_n(reeve_schema, (size_t)(at - reeve_schema)));
	put_groups(b, w, effect);
	rv_buf_add(b, rv_str_n(rest, (size_t)(end - rest)));
	for (size_t i = 0; i < w->n; i++)
		if (rv_str_eqz(w->list[i].ns, "Reeve")) {
			put_word(b, w, &w->list[i], effect);
			is_named |= word_order(&any, &w->list[i]) == 0;
		}
	if (!is_named)
		put_word(b, w, &any, effect);
	rv_buf_addz(b, "}\n");
}

static void put_schema(struct rv_buf *b, const struct words *w, const char *effect)
{
	put_base(b, w, effect);
	for (size_t i = 0; i < w->n; i++) {
		bool begins = i == 0 || !rv_str_eq(w->list[i - 1].ns, w->list[i].ns);
		bool ends = i + 1 == w->n || !rv_str_eq(w->list[i + 1].ns, w->list[i].ns);
		if (rv_str_eqz(w->list[i].ns, "Reeve"))
			continue;
		if (begins)
			rv_buf_printf(b, "namespace %.*s {\n", RV_FMT(w->list[i].ns));
		put_word(b, w, &w->list[i], effect);
		if (ends)
			rv_buf_addz(b, "}\n");
	}
}

/* ---- reports ---- */

static bool is_in(const cedar_report *r, const cedar_diagnostic *d)
{
	for (size_t i = 0; i < r->n; i++)
		if (strcmp(r->diagnostics[i].code, d->code) == 0 &&
			r->diagnostics[i].policy == d->policy &&
			r->diagnostics[i].offset == d->offset &&
			rv_str_eq(
				rv_str_n(r->diagnostics[i].message.p, r->diagnostics[i].message.n),
				rv_str_n(d->message.p, d->message.n)))
			return true;
	return false;
}

static bool is_in_all(const cedar_report *r, const cedar_diagnostic *d)
{
	for (size_t i = 0; i < N_EFFECTS; i++)
		if (!is_in(&r[i], d))
			return false;
	return true;
}

static enum rv_code refuse(const cedar_policies *ps, const cedar_diagnostic *d, struct rv_err *err)
{
	cedar_str id = cedar_policy_at(ps, d->policy)->id;
	return RV_FAIL_AT(err, RV_EINVAL, NULL, d->line, d->column,
		"policy '%.*s': %.*s%s%.*s [%s]", RV_FMT(id), RV_FMT(d->message),
		d->help.n ? "; " : "", RV_FMT(d->help), d->code);
}

/* Errors of any effect; and that no action applies, when that is so for all. */
static enum rv_code first_error(const cedar_policies *ps, const cedar_report *r, struct rv_err *err)
{
	for (size_t i = 0; i < N_EFFECTS; i++)
		for (size_t k = 0; k < r[i].n; k++)
			if (!r[i].diagnostics[k].is_warning)
				return refuse(ps, &r[i].diagnostics[k], err);
	for (size_t k = 0; k < r[0].n; k++)
		if (strcmp(r[0].diagnostics[k].code, "inapplicable-scope") == 0 &&
			is_in_all(r, &r[0].diagnostics[k]))
			return refuse(ps, &r[0].diagnostics[k], err);
	return RV_OK;
}

static enum rv_code keep_warnings(struct rv_arena *a, const cedar_policies *ps,
	const cedar_report *r, const struct rv_str **ret, size_t *ret_n, struct rv_err *err)
{
	struct rv_str *list = rv_arena_array(a, r[0].n + 1, sizeof *list);
	size_t n = 0;
	if (!list)
		return RV_FAIL_ARENA(err);
	for (size_t k = 0; k < r[0].n; k++) {
		const cedar_diagnostic *d = &r[0].diagnostics[k];
		bool is_impossible = strcmp(d->code, "impossible-policy") == 0;
		if (!is_in_all(r, d))
			continue;
		const char *text = rv_arena_printf(a, "%u:%u policy '%.*s': %.*s%s [%s]", d->line,
			d->column, RV_FMT(cedar_policy_at(ps, d->policy)->id), RV_FMT(d->message),
			is_impossible ? ", unless what it tests with 'has' is given beyond the "
					"schema"
				      : "",
			d->code);
		if (!text)
			return RV_FAIL_ARENA(err);
		list[n++] = rv_str_of(text);
	}
	*ret = list;
	*ret_n = n;
	return RV_OK;
}

/* ---- all of it ---- */

static enum rv_code check_effect(const cedar_policies *ps, const struct words *w,
	const char *effect, cedar_scratch *s, cedar_report *ret, struct rv_err *err)
{
	RV_AUTO_BUF b;
	cedar_schema *schema = NULL;
	cedar_error e = { .code = CEDAR_OK };
	const cedar_validate_opts opts = { .inapplicable_is_warning = true };
	rv_buf_init(&b, SCHEMA_MAX);
	put_schema(&b, w, effect);
	RV_TRY(rv_buf_ok(&b, err));
	struct rv_str text = rv_buf_str(&b);
	if (cedar_schema_parse((cedar_str){ text.p, text.n }, &schema, &e) != CEDAR_OK)
		return RV_FAIL(
			err, RV_EINVAL, "a type or action cannot be named so: %s", e.message);
	cedar_code code = cedar_validate(ps, schema, &opts, s, ret, &e);
	cedar_schema_free(schema);
	return code == CEDAR_OK ? RV_OK : RV_FAIL(err, RV_ELIMIT, "%s", e.message);
}

static enum rv_code check_all(struct rv_arena *a, const cedar_policies *ps, cedar_scratch *s,
	const struct rv_str **ret, size_t *ret_n, struct rv_err *err)
{
	struct words w = { .arena = a };
	cedar_report r[N_EFFECTS];
	RV_TRY(find_words(ps, &w, err));
	for (size_t i = 0; i < N_EFFECTS; i++)
		RV_TRY(check_effect(ps, &w, EFFECTS[i], s, &r[i], err));
	RV_TRY(first_error(ps, r, err));
	return keep_warnings(a, ps, r, ret, ret_n, err);
}

enum rv_code rv_policy_validate(struct rv_arena *a, struct rv_str name, struct rv_str text,
	const struct rv_str **ret_warnings, size_t *ret_n, struct rv_err *err)
{
	cedar_error e = { .code = CEDAR_OK };
	cedar_policies *ps = NULL;
	const cedar_source src = { .text = { text.p, text.n },
		.id_prefix = rv_arena_printf(a, "%.*s#", RV_FMT(name)),
		.use_id_annotation = true };
	const cedar_policies_opts opts = { .no_templates = true, .no_index = true };
	if (!src.id_prefix)
		return RV_FAIL_ARENA(err);
	if (cedar_policies_new(&src, 1, &opts, &ps, NULL, &e) != CEDAR_OK)
		return RV_FAIL_AT(err, RV_EINVAL, NULL, e.line, e.column, "%s", e.message);
	cedar_scratch *s = cedar_scratch_new();
	enum rv_code code = s ? check_all(a, ps, s, ret_warnings, ret_n, err) : RV_FAIL_ARENA(err);
	cedar_scratch_free(s);
	cedar_policies_free(ps);
	return code;
}
