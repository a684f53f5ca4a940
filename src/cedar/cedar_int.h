/* Inside cedar/: the tree, the policy set, and what the files share. */
#ifndef RV_CEDAR_CEDAR_INT_H
#define RV_CEDAR_CEDAR_INT_H
#include "base/arena.h"
#include "base/json.h"
#include "cedar.h"

enum {
	DEPTH_MAX = 1000, /* of nesting in an expression, and of the tree it makes */
	TEXT_MAX = 1 << 28, /* bytes of one source */
	JSON_MAX = 1 << 30, /* bytes of an entities document */
	VALUE_DEPTH_MAX = 64, /* of records and sets in JSON */
	SCRATCH_MAX = 64 << 20,
	SCRATCH_KEPT = 8 << 20, /* of it, from one request to the next */
};

static inline struct rv_str rs(cedar_str s)
{
	return (struct rv_str){ s.p, s.n };
}
static inline cedar_str cs(struct rv_str s)
{
	return (cedar_str){ s.p, s.n };
}
/* Names are short: the call of memcmp would cost more than the comparison. */
static inline bool str_eq(cedar_str a, cedar_str b)
{
	uint64_t x, y;
	uint32_t u, v;
	if (a.n != b.n)
		return false;
	if (a.p == b.p)
		return true;
	if (a.n >= 8) {
		for (size_t i = 0; i < a.n - 8; i += 8) {
			memcpy(&x, a.p + i, 8);
			memcpy(&y, b.p + i, 8);
			if (x != y)
				return false;
		}
		memcpy(&x, a.p + a.n - 8, 8);
		memcpy(&y, b.p + a.n - 8, 8);
		return x == y;
	}
	if (a.n >= 4) {
		memcpy(&u, a.p, 4);
		memcpy(&v, b.p, 4);
		if (u != v)
			return false;
		memcpy(&u, a.p + a.n - 4, 4);
		memcpy(&v, b.p + a.n - 4, 4);
		return u == v;
	}
	for (size_t i = 0; i < a.n; i++)
		if (a.p[i] != b.p[i])
			return false;
	return true;
}
static inline bool uid_eq(const cedar_uid *a, const cedar_uid *b)
{
	return a == b || (a->hash == b->hash && str_eq(a->id, b->id) && str_eq(a->type, b->type));
}

/* First failure wins; returns code. */
cedar_code cedar_fail(cedar_error *e, cedar_code code, const char *fmt, ...) RV_PRINTF(3, 4);
#define CEDAR_FAIL_MEMORY(e) cedar_fail((e), CEDAR_ELIMIT, "needs more memory than is allowed")
#define CEDAR_TRY(x)                    \
	do {                            \
		cedar_code code_ = (x); \
		if (code_ != CEDAR_OK)  \
			return code_;   \
	} while (0)

/* ---- values ---- */

struct cedar_set {
	uint32_t n;
	uint16_t depth; /* 1: holds nothing that holds something */
	bool is_entities; /* all items are entities; so is the empty set */
	uint64_t hash;
	const uint64_t *hashes; /* ascending, beside items */
	const cedar_value *items;
};
struct cedar_record {
	uint32_t n;
	uint16_t depth;
	const cedar_pair *pairs; /* by key */
	const uint32_t *hashes; /* of the keys, beside pairs */
};
/* A name to look up, hashed beforehand. */
struct key {
	cedar_str name;
	uint32_t hash;
};
static inline uint32_t key_hash(cedar_str name)
{
	return (uint32_t)rv_str_hash(rs(name), 5);
}
const cedar_value *cedar_record_search(const cedar_record *r, cedar_str key);
static inline const cedar_value *record_find(const cedar_record *r, const struct key *k)
{
	if (r->n > 16)
		return cedar_record_search(r, k->name);
	for (uint32_t i = 0; i < r->n; i++)
		if (r->hashes[i] == k->hash && str_eq(r->pairs[i].key, k->name))
			return &r->pairs[i].value;
	return NULL;
}
bool cedar_set_has(const cedar_set *s, const cedar_value *v);
extern const cedar_record cedar_empty_record;
uint64_t cedar_value_hash(const cedar_value *v);
/* In any arena; items are copied shallowly. NULL: memory. */
const cedar_set *cedar_set_make(struct rv_arena *a, const cedar_value *items, size_t n);
/* *ret_twice: a key that occurs twice, then NULL is returned. */
const cedar_record *cedar_record_make(
	struct rv_arena *a, const cedar_pair *pairs, size_t n, cedar_str *ret_twice);
/* Deep copy, strings included. False: memory. */
bool cedar_value_copy(struct rv_arena *a, const cedar_value *v, cedar_value *ret);

/* ---- extensions ---- */

bool cedar_decimal_parse(cedar_str s, int64_t *ret, const char **why);
bool cedar_ip_parse(cedar_str s, cedar_ip *ret, const char **why);
bool cedar_datetime_parse(cedar_str s, int64_t *ret_ms, const char **why);
bool cedar_duration_parse(cedar_str s, int64_t *ret_ms, const char **why);

/* Every extension function: X(FN, name, is a method, arguments with the receiver, kind of the first
 * argument) */
#define CEDAR_FNS(X)                                                           \
	X(DECIMAL, "decimal", false, 1, CEDAR_STRING)                          \
	X(LESS_THAN, "lessThan", true, 2, CEDAR_DECIMAL)                       \
	X(LESS_THAN_OR_EQUAL, "lessThanOrEqual", true, 2, CEDAR_DECIMAL)       \
	X(GREATER_THAN, "greaterThan", true, 2, CEDAR_DECIMAL)                 \
	X(GREATER_THAN_OR_EQUAL, "greaterThanOrEqual", true, 2, CEDAR_DECIMAL) \
	X(IP, "ip", false, 1, CEDAR_STRING)                                    \
	X(IS_IPV4, "isIpv4", true, 1, CEDAR_IPADDR)                            \
	X(IS_IPV6, "isIpv6", true, 1, CEDAR_IPADDR)                            \
	X(IS_LOOPBACK, "isLoopback", true, 1, CEDAR_IPADDR)                    \
	X(IS_MULTICAST, "isMulticast", true, 1, CEDAR_IPADDR)                  \
	X(IS_IN_RANGE, "isInRange", true, 2, CEDAR_IPADDR)                     \
	X(DATETIME, "datetime", false, 1, CEDAR_STRING)                        \
	X(OFFSET, "offset", true, 2, CEDAR_DATETIME)                           \
	X(DURATION_SINCE, "durationSince", true, 2, CEDAR_DATETIME)            \
	X(TO_DATE, "toDate", true, 1, CEDAR_DATETIME)                          \
	X(TO_TIME, "toTime", true, 1, CEDAR_DATETIME)                          \
	X(DURATION, "duration", false, 1, CEDAR_STRING)                        \
	X(TO_MILLISECONDS, "toMilliseconds", true, 1, CEDAR_DURATION)          \
	X(TO_SECONDS, "toSeconds", true, 1, CEDAR_DURATION)                    \
	X(TO_MINUTES, "toMinutes", true, 1, CEDAR_DURATION)                    \
	X(TO_HOURS, "toHours", true, 1, CEDAR_DURATION)                        \
	X(TO_DAYS, "toDays", true, 1, CEDAR_DURATION)
enum cedar_fn {
#define X(fn, name, is_method, n_args, first) CEDAR_FN_##fn,
	CEDAR_FNS(X)
#undef X
		CEDAR_FN_COUNT
};
struct cedar_fn_info {
	const char *name;
	bool is_method;
	size_t n_args;
	cedar_kind first;
};
extern const struct cedar_fn_info cedar_fns[CEDAR_FN_COUNT];
/* args: n of them, evaluated. a: for values that need memory. */
cedar_code cedar_fn_call(struct rv_arena *a, enum cedar_fn fn, const cedar_value *args, size_t n,
	cedar_value *ret, cedar_error *err);

/* ---- the tree ---- */

enum op {
	OP_LIT, /* lit */
	OP_PRINCIPAL,
	OP_ACTION,
	OP_RESOURCE,
	OP_CONTEXT,
	OP_SLOT, /* n: 0 principal, 1 resource */
	OP_NOT,
	OP_NEG, /* a */
	OP_AND,
	OP_OR,
	OP_EQ,
	OP_NE,
	OP_LT,
	OP_LE,
	OP_GT,
	OP_GE,
	OP_IN,
	OP_ADD,
	OP_SUB,
	OP_MUL, /* a b */
	OP_CONTAINS,
	OP_CONTAINS_ALL,
	OP_CONTAINS_ANY,
	OP_GET_TAG,
	OP_HAS_TAG, /* a b */
	OP_IS_EMPTY, /* a */
	OP_IF, /* a b c */
	OP_ATTR, /* a, name */
	OP_HAS, /* a, names n */
	OP_LIKE, /* a, pattern */
	OP_IS, /* a, name = type, b = what it is in or NULL */
	OP_SET, /* items n */
	OP_RECORD, /* names items n */
	OP_CALL, /* fn, items n */
};
/* A pattern: runs of bytes and wildcards. Wildcards are kept apart as marks, so that a literal star
 * is just a byte. As many stand side by side as were written. */
struct pattern_part {
	bool is_wildcard;
	cedar_str text;
};
struct expr {
	uint8_t op;
	uint8_t fn;
	uint16_t depth; /* of the tree below, 1 for a leaf */
	uint32_t offset, length; /* in the source */
	uint32_t n;
	const struct expr *a, *b, *c;
	union {
		cedar_value lit;
		cedar_str name;
		struct {
			const cedar_str *names;
			const struct expr *const *items;
		};
		const struct pattern_part *pattern; /* n parts */
	};
};

/* Of the source, in bytes; length 0: unknown. */
struct span {
	uint32_t offset, length;
};
enum scope_op { SCOPE_ANY, SCOPE_EQ, SCOPE_IN, SCOPE_IS, SCOPE_IS_IN, SCOPE_IN_LIST };
struct scope {
	enum scope_op op;
	bool is_slot; /* the entity is ?principal / ?resource */
	cedar_str type;
	const cedar_uid *uid;
	const cedar_uid *const *list; /* SCOPE_IN_LIST */
	size_t n_list;
	struct span type_at, uid_at;
	const struct span *list_at; /* NULL: unknown */
};
struct condition {
	bool is_unless;
	const struct expr *expr;
};
struct policy {
	cedar_policy_info info;
	bool is_restated; /* from JSON: places of the tree are in info.text, not in the source */
	struct scope principal, action, resource;
	const struct condition *conditions;
	size_t n_conditions;
};
/* What links of JSON policy sets wait as until all templates are known. */
struct pending_link {
	cedar_link link;
	size_t source;
	unsigned line, column;
};
struct cedar_policies {
	struct rv_arena arena;
	struct policy *list;
	const cedar_policy_info **infos;
	size_t n, cap;
	size_t max;
	uint32_t *by_id; /* open addressing over list, power of two, UINT32_MAX: empty */
	size_t by_id_cap;
	struct pending_link *pending; /* in the arena */
	size_t n_pending, cap_pending;
	struct rules *rules; /* what requests are held against: code.h */
};
/* The next free place, all zero; it counts once ps->n is raised. NULL: the limit, or memory. */
struct policy *cedar_policies_room(cedar_policies *ps, cedar_error *err);
/* NULL: none. Only once ids are indexed. */
struct policy *cedar_policies_get(const cedar_policies *ps, cedar_str id);

/* link.c: the template with its slots filled. The uids of the link must live as long as the set. */
cedar_code cedar_link_fill(
	const cedar_policies *ps, const cedar_link *link, struct policy *out, cedar_error *err);

/* parse_policy.c: appends the policies of one source of text. */
cedar_code cedar_parse_policies(cedar_policies *ps, const cedar_source *src, size_t source,
	const cedar_policies_opts *opts, cedar_error *err);
/* One policy and nothing else; the text is copied. Its id is not set. */
cedar_code cedar_parse_policy(
	struct rv_arena *a, cedar_str text, struct policy *out, cedar_error *err);
/* est_set.c: the same of one source of JSON. */
cedar_code cedar_read_policies_json(cedar_policies *ps, const cedar_source *src, size_t source,
	const cedar_policies_opts *opts, cedar_error *err);
cedar_code cedar_parse_expr(
	struct rv_arena *a, cedar_str text, const struct expr **ret, cedar_error *err);
cedar_code cedar_parse_uid(struct rv_arena *a, cedar_str text, cedar_uid *ret, cedar_error *err);
/* An entity type or other path: identifiers joined by "::", none reserved. */
bool cedar_is_path(cedar_str s);
bool cedar_is_reserved(cedar_str ident);

/* ---- evaluation ---- */

struct cedar_scratch {
	struct rv_arena arena;
};
struct ancestors;
/* One entity as evaluation sees it. */
struct who {
	const cedar_uid *uid;
	const cedar_entity *entity; /* NULL: there is none */
	const struct ancestors *up;
};
enum { WHO_PRINCIPAL, WHO_ACTION, WHO_RESOURCE, WHO_COUNT };
struct env {
	const cedar_entities *es;
	const cedar_request *rq;
	struct rv_arena *arena;
	struct who who[WHO_COUNT];
	cedar_str failure; /* why evaluation failed; p == NULL: no text was wanted */
	bool is_quiet; /* no texts of failures */
	bool is_out_of_memory;
};
void cedar_env_init(
	struct env *env, const cedar_entities *es, const cedar_request *rq, struct rv_arena *a);
/* The overlay of the request first. */
struct who cedar_env_look_up(struct env *env, const cedar_uid *uid);
/* The same, when env->who is known. */
struct who cedar_env_who(const struct env *env, const cedar_uid *uid);
bool cedar_env_in(const struct env *env, const struct who *a, const cedar_uid *b);
/* In fmt %s is a cedar_str, %u a cedar_uid, %z a C string: a and b point to them. Returns false. */
bool cedar_env_fail(struct env *env, const char *fmt, const void *a, const void *b);
bool cedar_env_fail_memory(struct env *env);
/* An expression as it stands, nothing folded. False: env->failure says why. */
bool cedar_eval(struct env *env, const struct expr *e, cedar_value *ret);
bool cedar_pattern_matches(cedar_str s, const struct pattern_part *parts, uint32_t n);
bool cedar_scope_holds(const struct env *env, const struct scope *s, unsigned who);
/* True when principal, action and resource are what the policy's head asks for; a template's never
 * are. */
bool cedar_scope_fits(const struct env *env, const struct policy *p);

/* json.c */
cedar_code cedar_json_value(struct rv_arena *a, const struct rv_json *v, unsigned depth,
	cedar_value *ret, cedar_error *err);
cedar_code cedar_json_uid(
	struct rv_arena *a, const struct rv_json *v, cedar_uid *ret, cedar_error *err);
cedar_code cedar_json_fail(cedar_error *e, const struct rv_err *from);
#endif
