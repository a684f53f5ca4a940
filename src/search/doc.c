/* What of an event can be found. The index and the scan of the tail both look at this, so that they
 * cannot disagree about what an event says.
 *
 * Text is every string and number of the event in a field that is no id, no time and no commitment.
 * A token is a run of letters and digits (ASCII letters folded; every byte above 0x7f is a letter).
 * A text that is hexadecimal as a whole is an id. */
#include "search/search_int.h"

static bool is_token_byte(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
		c >= 0x80;
}

struct rv_str rv_token_next(struct rv_str *text, char buf[RV_TOKEN_MAX])
{
	size_t i = 0, n = 0;
	while (i < text->n && !is_token_byte((uint8_t)text->p[i]))
		i++;
	for (; i < text->n && is_token_byte((uint8_t)text->p[i]); i++) {
		char c = text->p[i];
		if (n < RV_TOKEN_MAX)
			buf[n++] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
	}
	*text = rv_str_sub(*text, i, text->n);
	return rv_str_n(buf, n);
}

bool rv_text_is_id(struct rv_str s, struct rv_str *ret)
{
	if (rv_str_starts(s, RV_STR("sha256:")))
		s = rv_str_sub(s, 7, s.n);
	if (s.n < RV_ID_MIN)
		return false;
	bool has_digit = false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') ||
			    c == '-'))
			return false;
		has_digit |= c >= '0' && c <= '9';
	}
	*ret = s;
	return has_digit;
}

void rv_doc_init(struct rv_doc *d)
{
	*d = (struct rv_doc){ 0 };
	rv_arena_init(&d->a, RV_DOC_ARENA);
}

void rv_doc_done(struct rv_doc *d)
{
	rv_arena_done(&d->a);
	free(d->words);
	free(d->ids);
	free(d->texts);
	*d = (struct rv_doc){ 0 };
}

/* ---- taking an event apart ---- */

static bool room(void *array, size_t n, size_t *cap, size_t size)
{
	void **p = array;
	if (n < *cap)
		return true;
	size_t want = *cap ? *cap * 2 : 32;
	void *q = realloc(*p, want * size);
	if (!q)
		return false;
	*p = q;
	*cap = want;
	return true;
}

struct loader {
	struct rv_doc *d;
	bool failed; /* memory */
};

static void add_word(struct loader *l, enum rv_field f, struct rv_str s)
{
	struct rv_doc *d = l->d;
	if (s.n == 0)
		return;
	if (!room(&d->words, d->n_words, &d->words_cap, sizeof *d->words)) {
		l->failed = true;
		return;
	}
	d->words[d->n_words++] = (struct rv_doc_word){ (uint8_t)f, s };
}

static void add_id(struct loader *l, enum rv_field f, struct rv_str s)
{
	struct rv_doc *d = l->d;
	if (s.n == 0)
		return;
	if (!room(&d->ids, d->n_ids, &d->ids_cap, sizeof *d->ids)) {
		l->failed = true;
		return;
	}
	if (rv_str_starts(s, RV_STR("sha256:")))
		s = rv_str_sub(s, 7, s.n);
	d->ids[d->n_ids++] = (struct rv_doc_word){ (uint8_t)f, s };
}

static void add_text(struct loader *l, struct rv_str s)
{
	struct rv_doc *d = l->d;
	struct rv_str id;
	if (s.n == 0)
		return;
	if (rv_text_is_id(s, &id)) {
		add_id(l, RV_FIELD_NONE, id);
		return;
	}
	if (!room(&d->texts, d->n_texts, &d->texts_cap, sizeof *d->texts)) {
		l->failed = true;
		return;
	}
	d->texts[d->n_texts++] = s;
}

static struct rv_str number(struct loader *l, const struct rv_json *v)
{
	if (v->type == RV_JSON_DOUBLE)
		return v->text;
	enum { DIGITS = 20 };
	char *p = rv_arena_raw(&l->d->a, DIGITS);
	if (!p) {
		l->failed = true;
		return RV_STR("");
	}
	size_t at = DIGITS;
	bool is_minus = v->integer < 0;
	uint64_t u = is_minus ? 0 - (uint64_t)v->integer : (uint64_t)v->integer;
	do
		p[--at] = (char)('0' + u % 10);
	while ((u /= 10) > 0);
	if (is_minus)
		p[--at] = '-';
	return rv_str_n(p + at, DIGITS - at);
}

/* All strings and numbers below v. The tree's depth was bounded when it was parsed. */
static void add_texts(struct loader *l, const struct rv_json *v)
{
	switch (v->type) {
	case RV_JSON_STR:
		add_text(l, v->str);
		break;
	case RV_JSON_INT:
	case RV_JSON_DOUBLE:
		add_text(l, number(l, v));
		break;
	case RV_JSON_ARR:
		for (size_t i = 0; i < v->n_items; i++)
			add_texts(l, v->items[i]);
		break;
	case RV_JSON_OBJ:
		RV_JSON_EACH (m, v)
			add_texts(l, m->value);
		break;
	case RV_JSON_NULL:
	case RV_JSON_BOOL:
		break;
	}
}

static struct rv_str str_of(const struct rv_json *v, const char *name)
{
	const struct rv_json *m = rv_json_get(v, name);
	return rv_json_is(m, RV_JSON_STR) ? m->str : RV_STR("");
}

static struct rv_str slashed(struct loader *l, struct rv_str a, struct rv_str b)
{
	char *p = rv_arena_raw(&l->d->a, a.n + b.n + 1);
	if (!p) {
		l->failed = true;
		return RV_STR("");
	}
	memcpy(p, a.p, a.n);
	p[a.n] = '/';
	memcpy(p + a.n + 1, b.p, b.n);
	return rv_str_n(p, a.n + b.n + 1);
}

static void add_actor(struct loader *l, const struct rv_json *v)
{
	struct rv_str type = str_of(v, "type"), id = str_of(v, "id");
	add_word(l, RV_FIELD_ACTOR, id);
	if (type.n > 0 && id.n > 0)
		add_word(l, RV_FIELD_ACTOR, slashed(l, type, id));
	if (rv_str_eqz(type, "person"))
		add_word(l, RV_FIELD_PERSON, id);
}

static void add_reasons(struct loader *l, const struct rv_json *v)
{
	for (size_t i = 0; v->type == RV_JSON_ARR && i < v->n_items; i++) {
		add_word(l, RV_FIELD_POLICY, str_of(v->items[i], "policy"));
		add_word(l, RV_FIELD_REASON, str_of(v->items[i], "code"));
	}
}

static void add_resource(struct loader *l, const struct rv_json *event, const struct rv_json *v)
{
	struct rv_str id = str_of(v, "id");
	add_word(l, RV_FIELD_RESOURCE, slashed(l, str_of(v, "type"), id));
	if (rv_str_starts(str_of(event, "kind"), RV_STR("policy.")))
		add_word(l, RV_FIELD_POLICY, id);
}

/* Members that are one word, or one id. */
static const struct {
	struct rv_str name;
	enum rv_field field;
} plain[] = {
	{ RV_STR_INIT("kind"), RV_FIELD_KIND },
	{ RV_STR_INIT("system"), RV_FIELD_SYSTEM },
	{ RV_STR_INIT("action"), RV_FIELD_ACTION },
	{ RV_STR_INIT("outcome"), RV_FIELD_OUTCOME },
	{ RV_STR_INIT("owner"), RV_FIELD_OWNER },
	{ RV_STR_INIT("effect"), RV_FIELD_EFFECT },
	{ RV_STR_INIT("point"), RV_FIELD_POINT },
	{ RV_STR_INIT("evidence"), RV_FIELD_EVIDENCE },
	{ RV_STR_INIT("policy_version"), RV_FIELD_VERSION },
	{ RV_STR_INIT("generation"), RV_FIELD_GENERATION },
	{ RV_STR_INIT("id"), RV_FIELD_ID },
	{ RV_STR_INIT("session"), RV_FIELD_SESSION },
	{ RV_STR_INIT("trace"), RV_FIELD_TRACE },
	{ RV_STR_INIT("request"), RV_FIELD_REQUEST },
	{ RV_STR_INIT("cause"), RV_FIELD_CAUSE },
	{ RV_STR_INIT("approval"), RV_FIELD_APPROVAL },
	{ RV_STR_INIT("args_digest"), RV_FIELD_ARGS },
};

static bool add_plain(struct loader *l, const struct rv_json_member *m)
{
	struct rv_str s = { 0 };
	if (m->value->type == RV_JSON_STR)
		s = m->value->str;
	else if (m->value->type == RV_JSON_INT)
		s = number(l, m->value);
	for (size_t i = 0; i < RV_COUNT(plain); i++) {
		if (!rv_str_eq(m->name, plain[i].name))
			continue;
		if (!rv_field_info(plain[i].field)->is_word) {
			add_id(l, plain[i].field, s);
		} else {
			add_word(l, plain[i].field, s);
			if (m->value->type == RV_JSON_STR)
				add_text(l, s);
		}
		return true;
	}
	return false;
}

static void add_member(
	struct loader *l, const struct rv_json *event, const struct rv_json_member *m)
{
	const struct rv_json *v = m->value;
	if (add_plain(l, m) || rv_str_eq(m->name, RV_STR("time")) ||
		rv_str_eq(m->name, RV_STR("args")))
		return;
	if (rv_str_eqz(m->name, "actor"))
		add_actor(l, v);
	else if (rv_str_eqz(m->name, "resource"))
		add_resource(l, event, v);
	else if (rv_str_eqz(m->name, "reasons"))
		add_reasons(l, v);
	else if (rv_str_eqz(m->name, "detail"))
		add_word(l, RV_FIELD_AMOUNT, str_of(v, "amount"));
	else if (rv_str_eqz(m->name, "on_behalf_of") && v->type == RV_JSON_STR) {
		add_word(l, RV_FIELD_BEHALF, v->str);
		add_word(l, RV_FIELD_PERSON, v->str);
	} else if (rv_str_eqz(m->name, "claimed_on_behalf_of") && v->type == RV_JSON_STR)
		add_word(l, RV_FIELD_PERSON, v->str);
	add_texts(l, v);
}

enum rv_code rv_doc_load(struct rv_doc *d, struct rv_str event, struct rv_err *err)
{
	static const struct rv_json_limits limits = { .max_bytes = RV_LEDGER_LEAF_MAX };
	const struct rv_json *v;
	struct loader l = { .d = d };
	rv_arena_clear(&d->a);
	d->n_words = d->n_ids = d->n_texts = 0;
	RV_TRY(rv_json_parse(&d->a, event, &limits, &v, err));
	if (v->type != RV_JSON_OBJ)
		return RV_FAIL(err, RV_EINVAL, "an event is one JSON object");
	RV_JSON_EACH (m, v)
		add_member(&l, v, m);
	return l.failed ? RV_FAIL(err, RV_ENOMEM, "out of memory") : RV_OK;
}

/* ---- does it fit? ---- */

/* The tokens of q one after another in s. */
static bool has_phrase(struct rv_str s, const struct rv_search_query *q)
{
	char buf[RV_TOKEN_MAX];
	struct rv_str start = s, t;
	while ((t = rv_token_next(&start, buf)).n > 0) {
		struct rv_str rest = start;
		for (size_t i = 0; t.n > 0; t = rv_token_next(&rest, buf)) {
			bool is_last = i + 1 == q->n_tokens;
			if (!(is_last && q->is_open ? rv_str_starts(t, q->tokens[i])
						    : rv_str_eq(t, q->tokens[i])))
				break;
			if (is_last)
				return true;
			i++;
		}
	}
	return false;
}

static bool has_text(const struct rv_search_query *q, const struct rv_doc *d)
{
	for (size_t i = 0; i < d->n_texts; i++)
		if (has_phrase(d->texts[i], q))
			return true;
	return false;
}

static bool has_id(const struct rv_search_query *q, const struct rv_doc *d)
{
	struct rv_str want = q->value;
	if (rv_str_starts(want, RV_STR("sha256:")))
		want = rv_str_sub(want, 7, want.n);
	for (size_t i = 0; i < d->n_ids; i++)
		if ((q->field == RV_FIELD_NONE || d->ids[i].field == q->field) &&
			rv_str_eq(d->ids[i].s, want))
			return true;
	return false;
}

static bool has_word(const struct rv_search_query *q, const struct rv_doc *d)
{
	for (size_t i = 0; i < d->n_words; i++) {
		int64_t v;
		if (d->words[i].field != q->field)
			continue;
		if (q->op == RV_Q_RANGE) {
			if (rv_number_parse(d->words[i].s, &v) && v >= q->lo && v <= q->hi)
				return true;
		} else if (q->has_star ? rv_glob(q->value, d->words[i].s)
				       : rv_str_eq(q->value, d->words[i].s)) {
			return true;
		}
	}
	return false;
}

bool rv_doc_match(
	const struct rv_search_query *q, const struct rv_doc *d, uint64_t seq, int64_t logged)
{
	switch (q->op) {
	case RV_Q_ALL:
		return true;
	case RV_Q_AND:
		for (const struct rv_search_query *k = q->kids; k; k = k->next)
			if (!rv_doc_match(k, d, seq, logged))
				return false;
		return true;
	case RV_Q_OR:
		for (const struct rv_search_query *k = q->kids; k; k = k->next)
			if (rv_doc_match(k, d, seq, logged))
				return true;
		return false;
	case RV_Q_NOT:
		return !rv_doc_match(q->kids, d, seq, logged);
	case RV_Q_WORD:
	case RV_Q_RANGE:
		return has_word(q, d);
	case RV_Q_ID:
		return has_id(q, d);
	case RV_Q_TEXT:
		return has_text(q, d);
	case RV_Q_TIME:
		return logged >= q->lo && logged <= q->hi;
	case RV_Q_SEQ:
		return seq <= INT64_MAX && (int64_t)seq >= q->lo && (int64_t)seq <= q->hi;
	}
	return false;
}
