#include "tests/cedar/gen.h"

enum type {
	T_BOOL,
	T_LONG,
	T_STRING,
	T_ENTITY,
	T_SET,
	T_RECORD,
	T_DECIMAL,
	T_IP,
	T_DATETIME,
	T_DURATION,
	TYPES
};
enum { DEPTH = 4 };

void gen_init(struct gen *g, uint64_t seed, struct rv_buf *out)
{
	g->state = seed * 0x9e3779b97f4a7c15ULL + 1;
	g->out = out;
}

unsigned gen_pick(struct gen *g, unsigned n)
{
	g->state = g->state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (unsigned)((g->state >> 33) % n);
}

static void put(struct gen *g, const char *z)
{
	rv_buf_addz(g->out, z);
}

#define ONE_OF(g, list) ((list)[gen_pick((g), (unsigned)RV_COUNT(list))])

static const char *const types[] = { "User", "Group", "Doc", "NS::Thing" };

/* ---- literals that text and JSON share ---- */

static const char *const longs[] = { "0", "1", "2", "-1", "7", "100", "9223372036854775807",
	"-9223372036854775808", "4611686018427387904" };
static const char *const strings[] = { "\"\"", "\"a\"", "\"b\"", "\"ab\"", "\"a*b\"", "\"k0\"",
	"\"k1\"", "\"\xc3\xa9t\xc3\xa9\"" };
static const char *const decimals[] = { "0.0", "1.5", "-1.5", "1.50", "922337203685477.5807",
	"-922337203685477.5808", "2.25" };
static const char *const ips[] = { "10.0.0.1", "10.0.0.0/8", "127.0.0.1", "224.0.0.1", "::1",
	"ff00::2", "10.0.0.1/32", "2001:db8::/32" };
static const char *const datetimes[] = { "1970-01-01", "2026-11-26T06:00:00Z",
	"1969-12-31T23:59:59.999Z", "2024-02-29T12:00:00+0130" };
static const char *const durations[] = { "0ms", "1d", "-1h30m", "36h", "9223372036854775807ms" };

static void put_uid_text(struct gen *g)
{
	rv_buf_printf(g->out, "%s::\"%u\"", ONE_OF(g, types), gen_pick(g, 6));
}

static void put_action_text(struct gen *g)
{
	rv_buf_printf(g->out, "Action::\"%u\"", gen_pick(g, 4));
}

/* ---- expressions ---- */

static void expr(struct gen *g, enum type t, unsigned depth);

static void pair(struct gen *g, enum type t, const char *op, unsigned depth)
{
	put(g, "(");
	expr(g, t, depth - 1);
	put(g, op);
	expr(g, t, depth - 1);
	put(g, ")");
}

static void method(struct gen *g, enum type self, const char *name, enum type arg, unsigned depth)
{
	size_t at = g->out->n;
	expr(g, self, depth - 1);
	if (g->out->p[at] == '-') { /* a minus would belong to the whole call, not to the number */
		put(g, ")");
		memmove(g->out->p + at + 1, g->out->p + at, g->out->n - at - 1);
		g->out->p[at] = '(';
		put(g, ")");
	}
	rv_buf_printf(g->out, ".%s(", name);
	if (arg != TYPES)
		expr(g, arg, depth - 1);
	put(g, ")");
}

/* principal.x and the like: one attribute of each type. */
static void attr(struct gen *g, enum type t)
{
	static const char *const names[TYPES] = { "b", "n", "s", "e", "l", "r", "d", "i", "t",
		"u" };
	static const char *const roots[] = { "principal", "resource", "context", "principal.e",
		"context.r", "User::\"0\"" };
	rv_buf_printf(g->out, "%s.%s", ONE_OF(g, roots), names[t]);
}

static void pattern(struct gen *g)
{
	static const char *const patterns[] = { "\"*\"", "\"a*\"", "\"*b\"", "\"a\\*b\"", "\"\"",
		"\"*a*b*\"", "\"\xc3\xa9*\"" };
	expr(g, T_STRING, 0);
	put(g, " like ");
	put(g, ONE_OF(g, patterns));
}

static void any_pair(struct gen *g, const char *op, unsigned depth)
{
	enum type t = (enum type)gen_pick(g, TYPES);
	put(g, "(");
	expr(g, t, depth - 1);
	put(g, op);
	expr(g, gen_pick(g, 6) ? t : (enum type)gen_pick(g, TYPES), depth - 1);
	put(g, ")");
}

static void has(struct gen *g)
{
	static const char *const names[] = { "b", "n", "r.x", "r.y.z", "e.n", "nothing", "\"n\"" };
	static const char *const roots[] = { "principal", "resource", "context", "action" };
	rv_buf_printf(g->out, "(%s has %s)", ONE_OF(g, roots), ONE_OF(g, names));
}

static void if_then(struct gen *g, enum type t, unsigned depth)
{
	put(g, "(if ");
	expr(g, T_BOOL, depth - 1);
	put(g, " then ");
	expr(g, t, depth - 1);
	put(g, " else ");
	expr(g, t, depth - 1);
	put(g, ")");
}

static void bool_call(struct gen *g, unsigned depth)
{
	static const struct {
		enum type self;
		const char *name;
		enum type arg;
	} calls[] = { { T_SET, "contains", T_LONG }, { T_SET, "contains", T_ENTITY },
		{ T_SET, "containsAll", T_SET }, { T_SET, "containsAny", T_SET },
		{ T_SET, "isEmpty", TYPES }, { T_ENTITY, "hasTag", T_STRING },
		{ T_DECIMAL, "lessThan", T_DECIMAL },
		{ T_DECIMAL, "greaterThanOrEqual", T_DECIMAL }, { T_IP, "isIpv4", TYPES },
		{ T_IP, "isIpv6", TYPES }, { T_IP, "isLoopback", TYPES },
		{ T_IP, "isMulticast", TYPES }, { T_IP, "isInRange", T_IP } };
	unsigned i = gen_pick(g, (unsigned)RV_COUNT(calls));
	method(g, calls[i].self, calls[i].name, calls[i].arg, depth);
}

static void is(struct gen *g, unsigned depth)
{
	put(g, "(");
	expr(g, T_ENTITY, depth - 1);
	rv_buf_printf(g->out, " is %s", ONE_OF(g, types));
	if (gen_pick(g, 3) == 0) {
		put(g, " in ");
		expr(g, gen_pick(g, 3) ? T_ENTITY : T_SET, depth - 1);
	}
	put(g, ")");
}

static void in(struct gen *g, unsigned depth)
{
	put(g, "(");
	expr(g, T_ENTITY, depth - 1);
	put(g, " in ");
	expr(g, gen_pick(g, 3) ? T_ENTITY : T_SET, depth - 1);
	put(g, ")");
}

static void bool_expr(struct gen *g, unsigned depth)
{
	static const char *const orders[] = { " < ", " <= ", " > ", " >= " };
	static const enum type ordered[] = { T_LONG, T_LONG, T_DATETIME, T_DURATION };
	switch (gen_pick(g, 14)) {
	case 0:
	case 1:
		pair(g, T_BOOL, " && ", depth);
		return;
	case 2:
	case 3:
		pair(g, T_BOOL, " || ", depth);
		return;
	case 4:
		put(g, "!(");
		expr(g, T_BOOL, depth - 1);
		put(g, ")");
		return;
	case 5:
		any_pair(g, " == ", depth);
		return;
	case 6:
		any_pair(g, " != ", depth);
		return;
	case 7:
		pair(g, ONE_OF(g, ordered), ONE_OF(g, orders), depth);
		return;
	case 8:
		in(g, depth);
		return;
	case 9:
		is(g, depth);
		return;
	case 10:
		has(g);
		return;
	case 11:
		put(g, "(");
		pattern(g);
		put(g, ")");
		return;
	default:
		bool_call(g, depth);
	}
}

static void long_expr(struct gen *g, unsigned depth)
{
	static const char *const ops[] = { " + ", " - ", " * " };
	static const char *const parts[] = { "toMilliseconds", "toSeconds", "toMinutes", "toHours",
		"toDays" };
	switch (gen_pick(g, 4)) {
	case 0:
		put(g, "-(");
		expr(g, T_LONG, depth - 1);
		put(g, ")");
		return;
	case 1:
		method(g, T_DURATION, ONE_OF(g, parts), TYPES, depth);
		return;
	default:
		pair(g, T_LONG, ONE_OF(g, ops), depth);
	}
}

static void set_expr(struct gen *g, unsigned depth)
{
	static const enum type of[] = { T_LONG, T_ENTITY, T_ENTITY, T_STRING, T_SET, T_DECIMAL };
	enum type t = ONE_OF(g, of);
	unsigned n = gen_pick(g, 5);
	put(g, "[");
	for (unsigned i = 0; i < n; i++) {
		expr(g, gen_pick(g, 12) ? t : (enum type)gen_pick(g, TYPES), depth ? depth - 1 : 0);
		put(g, i + 1 < n ? ", " : "");
	}
	put(g, "]");
}

static void record_expr(struct gen *g, unsigned depth)
{
	static const char *const keys[] = { "x", "y", "\"a key\"", "n" };
	unsigned n = gen_pick(g, 4);
	put(g, "{");
	for (unsigned i = 0; i < n; i++) {
		rv_buf_printf(g->out, "%s: ", keys[i]);
		expr(g, (enum type)gen_pick(g, TYPES), depth ? depth - 1 : 0);
		put(g, i + 1 < n ? ", " : "");
	}
	put(g, "}");
}

static void call(struct gen *g, const char *fn, const char *arg)
{
	static const char *const bad[] = { "", "x", "1", "10.0.0.1/33", "2026-13-01" };
	rv_buf_printf(g->out, "%s(\"%s\")", fn, gen_pick(g, 25) ? arg : ONE_OF(g, bad));
}

/* Without parts, or one attribute. */
static void leaf(struct gen *g, enum type t)
{
	static const char *const bools[] = { "true", "false" };
	static const char *const vars[] = { "principal", "resource", "action" };
	if (gen_pick(g, 3) == 0) {
		attr(g, t);
		return;
	}
	switch (t) {
	case T_BOOL:
		put(g, ONE_OF(g, bools));
		return;
	case T_LONG:
		put(g, ONE_OF(g, longs));
		return;
	case T_STRING:
		if (gen_pick(g, 6) == 0)
			put(g, "principal.getTag(\"k0\")");
		else
			put(g, ONE_OF(g, strings));
		return;
	case T_ENTITY:
		if (gen_pick(g, 2))
			put(g, ONE_OF(g, vars));
		else
			put_uid_text(g);
		return;
	case T_SET:
		set_expr(g, 0);
		return;
	case T_RECORD:
		put(g, gen_pick(g, 3) ? "context" : "{}");
		return;
	case T_DECIMAL:
		call(g, "decimal", ONE_OF(g, decimals));
		return;
	case T_IP:
		call(g, "ip", ONE_OF(g, ips));
		return;
	case T_DATETIME:
		call(g, "datetime", ONE_OF(g, datetimes));
		return;
	default:
		call(g, "duration", ONE_OF(g, durations));
	}
}

static void expr(struct gen *g, enum type t, unsigned depth)
{
	if (gen_pick(g, 40) == 0)
		t = (enum type)gen_pick(g, TYPES);
	if (depth == 0 || gen_pick(g, 4) == 0) {
		leaf(g, t);
		return;
	}
	if (t != T_BOOL && gen_pick(g, 8) == 0) {
		if_then(g, t, depth);
		return;
	}
	switch (t) {
	case T_BOOL:
		bool_expr(g, depth);
		return;
	case T_LONG:
		long_expr(g, depth);
		return;
	case T_SET:
		set_expr(g, depth);
		return;
	case T_RECORD:
		record_expr(g, depth);
		return;
	case T_DATETIME:
		method(g, T_DATETIME, gen_pick(g, 2) ? "toDate" : "offset", TYPES,
			depth); /* offset without its argument fails when it is reached */
		return;
	case T_DURATION:
		if (gen_pick(g, 2))
			method(g, T_DATETIME, "durationSince", T_DATETIME, depth);
		else
			method(g, T_DATETIME, "toTime", TYPES, depth);
		return;
	default:
		leaf(g, t);
	}
}

void gen_expr(struct gen *g)
{
	expr(g, T_BOOL, DEPTH);
}

/* ---- policies ---- */

static void scope(struct gen *g, const char *var, bool is_template)
{
	static const char *const ops[] = { " == ", " in " };
	put(g, var);
	switch (is_template ? gen_pick(g, 2) : gen_pick(g, 7)) {
	case 0:
		put(g, ONE_OF(g, ops));
		break;
	case 1:
		rv_buf_printf(g->out, " is %s in ", ONE_OF(g, types));
		break;
	case 2:
		rv_buf_printf(g->out, " is %s", ONE_OF(g, types));
		return;
	default:
		return;
	}
	if (is_template)
		rv_buf_printf(g->out, "?%s", var);
	else
		put_uid_text(g);
}

static void action_scope(struct gen *g)
{
	unsigned n = gen_pick(g, 4);
	put(g, "action");
	switch (gen_pick(g, 6)) {
	case 0:
		put(g, " == ");
		put_action_text(g);
		return;
	case 1:
		put(g, " in ");
		put_action_text(g);
		return;
	case 2:
		put(g, " in [");
		for (unsigned i = 0; i < n; i++) {
			put_action_text(g);
			put(g, i + 1 < n ? ", " : "");
		}
		put(g, "]");
		return;
	default:
		return;
	}
}

static void policy(struct gen *g, bool has_principal, bool has_resource)
{
	put(g, gen_pick(g, 3) ? "permit(" : "forbid(");
	scope(g, "principal", has_principal);
	put(g, ", ");
	action_scope(g);
	put(g, ", ");
	scope(g, "resource", has_resource);
	put(g, ")");
	for (unsigned n = gen_pick(g, 3); n > 0; n--) {
		put(g, gen_pick(g, 4) ? " when { " : " unless { ");
		gen_expr(g);
		put(g, " }");
	}
	put(g, ";\n");
}

void gen_policies(struct gen *g, unsigned n, unsigned n_templates)
{
	for (unsigned i = 0; i < n; i++)
		policy(g, false, false);
	for (unsigned i = 0; i < n_templates; i++) {
		rv_buf_printf(g->out, "@id(\"t%u\") ", i);
		policy(g, true, i % 2 == 0);
	}
}

/* ---- JSON ---- */

static void put_uid_json(struct gen *g, const char *type, unsigned id)
{
	rv_buf_printf(g->out, "{\"type\":\"%s\",\"id\":\"%u\"}", type, id);
}

static void put_extn(struct gen *g, const char *fn, const char *arg)
{
	rv_buf_printf(g->out, "{\"__extn\":{\"fn\":\"%s\",\"arg\":\"%s\"}}", fn, arg);
}

static void json_value(struct gen *g, enum type t, unsigned depth)
{
	if (gen_pick(g, 25) == 0)
		t = (enum type)gen_pick(g, TYPES);
	switch (t) {
	case T_BOOL:
		put(g, gen_pick(g, 2) ? "true" : "false");
		return;
	case T_LONG:
		put(g, ONE_OF(g, longs));
		return;
	case T_STRING:
		put(g, ONE_OF(g, strings));
		return;
	case T_ENTITY:
		put(g, "{\"__entity\":");
		put_uid_json(g, ONE_OF(g, types), gen_pick(g, 6));
		put(g, "}");
		return;
	case T_SET: {
		unsigned n = depth ? gen_pick(g, 7) : 0;
		enum type of = gen_pick(g, 2) ? T_LONG : T_ENTITY;
		put(g, "[");
		for (unsigned i = 0; i < n; i++) {
			json_value(g, of, depth - 1);
			put(g, i + 1 < n ? "," : "");
		}
		put(g, "]");
		return;
	}
	case T_RECORD:
		put(g, "{\"x\":");
		json_value(g, T_LONG, 0);
		if (depth > 0 && gen_pick(g, 2)) {
			put(g, ",\"y\":{\"z\":");
			json_value(g, T_STRING, 0);
			put(g, "}");
		}
		put(g, "}");
		return;
	case T_DECIMAL:
		put_extn(g, "decimal", ONE_OF(g, decimals));
		return;
	case T_IP:
		put_extn(g, "ip", ONE_OF(g, ips));
		return;
	case T_DATETIME:
		put_extn(g, "datetime", ONE_OF(g, datetimes));
		return;
	default:
		put_extn(g, "duration", ONE_OF(g, durations));
	}
}

static void attrs(struct gen *g)
{
	static const char *const names[TYPES] = { "b", "n", "s", "e", "l", "r", "d", "i", "t",
		"u" };
	bool any = false;
	put(g, "{");
	for (unsigned t = 0; t < TYPES; t++) {
		if (gen_pick(g, 4) == 0)
			continue;
		rv_buf_printf(g->out, "%s\"%s\":", any ? "," : "", names[t]);
		json_value(g, (enum type)t, 2);
		any = true;
	}
	put(g, "}");
}

/* Parents have a higher id, so that there is no circle. */
static void entity(struct gen *g, const char *type, unsigned id, unsigned top)
{
	bool any = false;
	put(g, "{\"uid\":");
	put_uid_json(g, type, id);
	put(g, ",\"attrs\":");
	attrs(g);
	put(g, ",\"parents\":[");
	for (unsigned i = id + 1; i <= top; i++) {
		if (gen_pick(g, 3))
			continue;
		put(g, any ? "," : "");
		put_uid_json(g, *type == 'A' ? type : ONE_OF(g, types), i);
		any = true;
	}
	put(g, "]");
	if (gen_pick(g, 2)) {
		put(g, ",\"tags\":{\"k0\":");
		json_value(g, T_STRING, 0);
		put(g, "}");
	}
	put(g, "}");
}

void gen_entities(struct gen *g, unsigned percent)
{
	bool any = false;
	put(g, "[");
	for (unsigned t = 0; t <= RV_COUNT(types); t++)
		for (unsigned id = 0; id < 5; id++) {
			bool action = t == RV_COUNT(types);
			if (gen_pick(g, 100) >= percent || (action && id > 3))
				continue;
			put(g, any ? ",\n" : "");
			entity(g, action ? "Action" : types[t], id, action ? 3 : 5);
			any = true;
		}
	put(g, "]");
}

void gen_request(struct gen *g)
{
	put(g, "{\"principal\":");
	put_uid_json(g, ONE_OF(g, types), gen_pick(g, 6));
	put(g, ",\"action\":");
	put_uid_json(g, "Action", gen_pick(g, 4));
	put(g, ",\"resource\":");
	put_uid_json(g, ONE_OF(g, types), gen_pick(g, 6));
	put(g, ",\"context\":");
	attrs(g);
	put(g, "}");
}

void gen_links(struct gen *g, unsigned n, unsigned n_templates)
{
	put(g, "[");
	for (unsigned i = 0; i < n; i++) {
		unsigned t = gen_pick(g, n_templates);
		rv_buf_printf(g->out,
			"%s{\"templateId\":\"t%u\",\"newId\":\"link%u\",\"values\":", i ? "," : "",
			t, i);
		put(g, "{\"?principal\":");
		put_uid_json(g, ONE_OF(g, types), gen_pick(g, 6));
		if (t % 2 == 0) {
			put(g, ",\"?resource\":");
			put_uid_json(g, ONE_OF(g, types), gen_pick(g, 6));
		}
		put(g, "}}");
	}
	put(g, "]");
}
