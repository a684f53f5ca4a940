/* What a replay needs of an event and of its facts, cut out of the text: both are compact JSON of
 * our own writing, and making a tree of each would cost more than deciding. Nothing is read beyond
 * the text; what is no such JSON yields nothing. */
#include "gate/replay_int.h"

/* Against a literal, without looking for its end each time. */
#define IS(s, literal) \
	((s).n == sizeof(literal) - 1 && memcmp((s).p, literal, sizeof(literal) - 1) == 0)

struct scan {
	const char *at, *end;
};

/* Behind the string whose opening quote is at p; end: it has no end. Most of the bytes lie in
 * strings. */
static const char *behind_string(const char *p, const char *end)
{
	for (const char *at = p + 1; at < end;) {
		const char *q = memchr(at, '"', (size_t)(end - at));
		if (!q)
			return end;
		const char *b = q;
		while (b > p + 1 && b[-1] == '\\')
			b--;
		if ((q - b) % 2 == 0)
			return q + 1;
		at = q + 1;
	}
	return end;
}

/* The value at s->at; empty: it is no JSON. */
static struct rv_str scan_value(struct scan *s)
{
	const char *begin = s->at, *at = begin, *const end = s->end;
	unsigned depth = 0;
	while (at < end) {
		char c = *at;
		if (c == '"') {
			at = behind_string(at, end);
			if (depth == 0)
				break;
			continue;
		}
		if (c == '{' || c == '[') {
			depth++;
		} else if (c == '}' || c == ']') {
			if (depth == 0)
				break;
			if (--depth == 0) {
				at++;
				break;
			}
		} else if (depth == 0 && c == ',') {
			break;
		}
		at++;
	}
	s->at = at;
	return rv_str_n(begin, (size_t)(at - begin));
}

static struct scan scan_object(struct rv_str text)
{
	bool is_one = text.n >= 2 && text.p[0] == '{';
	return (struct scan){ is_one ? text.p + 1 : text.p + text.n, text.p + text.n };
}

/* The name of the next member; s stands at its value. */
static bool scan_name(struct scan *s, struct rv_str *name)
{
	if (s->at < s->end && *s->at == ',')
		s->at++;
	if (s->at >= s->end || *s->at != '"')
		return false;
	*name = scan_value(s);
	if (name->n < 2 || s->end - s->at < 3 || *s->at != ':')
		return false;
	*name = rv_str_sub(*name, 1, name->n - 1);
	s->at++;
	return true;
}

/* name: without its quotes. */
static bool scan_member(struct scan *s, struct rv_str *name, struct rv_str *value)
{
	if (!scan_name(s, name))
		return false;
	*value = scan_value(s);
	return value->n > 0;
}

static struct rv_str unquoted(struct rv_str s)
{
	return s.n >= 2 && s.p[0] == '"' ? rv_str_sub(s, 1, s.n - 1) : RV_STR("");
}

void replay_read_event(struct rv_str text, struct replay_event *ret)
{
	struct scan s = scan_object(text);
	struct rv_str name, value;
	int64_t version;
	*ret = (struct replay_event){ .resource = RV_STR("{}") };
	while (scan_member(&s, &name, &value)) {
		if (IS(name, "kind"))
			ret->kind = unquoted(value);
		else if (IS(name, "id"))
			ret->id = value;
		else if (IS(name, "system"))
			ret->system = unquoted(value);
		else if (IS(name, "action"))
			ret->action = value;
		else if (IS(name, "resource"))
			ret->resource = value;
		else if (IS(name, "snapshot"))
			ret->snapshot = unquoted(value);
		else if (IS(name, "policy_version"))
			ret->version = rv_str_i64(value, &version) ? version : 0;
		else if (IS(name, "detail"))
			ret->is_shadow = rv_str_starts(value, RV_STR("{\"observe\":true"));
	}
}

/* Up to the brace that ends it: the member is the last one. What follows from it is read by a
 * parser, and all of it is held against the digest. */
static struct rv_str rest_of(const struct scan *s, struct rv_str value)
{
	return rv_str_n(value.p, (size_t)(s->end - value.p) - 1);
}

bool replay_read_facts(struct rv_str clear, struct replay_facts *f)
{
	struct scan s = scan_object(clear);
	struct rv_str name;
	*f = (struct replay_facts){ .all = RV_STR("") };
	while (f->all.n == 0 && scan_name(&s, &name)) {
		if (IS(name, "facts"))
			f->all = rest_of(&s, rv_str_n(s.at, 0));
		else if (scan_value(&s).n == 0)
			return false;
	}
	s = scan_object(f->all);
	while (f->entities.n == 0 && scan_name(&s, &name)) {
		if (IS(name, "entities")) {
			f->entities = rest_of(&s, rv_str_n(s.at, 0));
			break;
		}
		struct rv_str value = scan_value(&s);
		if (IS(name, "principal"))
			f->principal = value;
		else if (IS(name, "action"))
			f->action = value;
		else if (IS(name, "resource"))
			f->resource = value;
		else if (IS(name, "context"))
			f->context = value;
	}
	return f->principal.n && f->action.n && f->resource.n && f->context.n && f->entities.n;
}

/* The context before and behind the time; all of it is before when there is none. */
void replay_around_time(struct rv_str context, struct rv_str *before, struct rv_str *behind)
{
	struct scan s = scan_object(context);
	struct rv_str name, value;
	*before = context;
	*behind = RV_STR("");
	while (scan_member(&s, &name, &value)) {
		if (!IS(name, "time"))
			continue;
		*before = rv_str_sub(context, 0, (size_t)(value.p - context.p));
		*behind = rv_str_sub(context, (size_t)(value.p + value.n - context.p), context.n);
		return;
	}
}
