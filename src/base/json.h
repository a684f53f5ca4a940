/* Strict JSON (RFC 8259) into a tree in an arena, and back out: plain or canonical (RFC 8785).
 * Refused: duplicate names, bad UTF-8, lone surrogates, control characters, NaN, trailing text,
 * depth and size over the limit. Integers that fit 64 bits are exact. YAML (base/yaml.h) yields the
 * same tree. Trees are read-only; any thread. */
#ifndef RV_BASE_JSON_H
#define RV_BASE_JSON_H
#include "base/arena.h"
#include "base/buf.h"

enum rv_json_type {
	RV_JSON_NULL,
	RV_JSON_BOOL,
	RV_JSON_INT, /* written as an integer and fits int64_t (so "1.0" and "1e3" are
			RV_JSON_DOUBLE) */
	RV_JSON_DOUBLE, /* any other number; text keeps its spelling */
	RV_JSON_STR,
	RV_JSON_ARR,
	RV_JSON_OBJ,
};

struct rv_json;
struct rv_json_member {
	struct rv_str name;
	const struct rv_json *value;
	uint32_t line, col; /* of the name */
};
struct rv_json {
	enum rv_json_type type;
	uint32_t line, col; /* where it begins, from 1 */
	union {
		bool boolean;
		int64_t integer;
		struct {
			double number;
			struct rv_str text;
		};
		struct rv_str str;
		struct {
			const struct rv_json *const *items;
			size_t n_items;
		};
		struct {
			const struct rv_json_member *members; /* in the order of the text */
			size_t n_members;
		};
	};
};

struct rv_json_limits {
	size_t max_bytes; /* 0: 1 MiB */
	uint32_t max_depth; /* 0: 64 */
	/* true: numbers beyond int64 or with a fraction are refused with a place (Cedar, canonical
	 * digests). */
	bool integers_only;
};

/* Parses one document. The tree points into text where a string has no escapes: text must live as
 * long as the tree. Errors: RV_EINVAL or RV_ELIMIT with line and column. limits may be NULL. */
RV_MUST_USE enum rv_code rv_json_parse(struct rv_arena *a, struct rv_str text,
	const struct rv_json_limits *limits, const struct rv_json **ret, struct rv_err *err);

/* Parses a document that is an array, one item at a time: each is given to cb and forgotten when it
 * returns, and with it all of a. What cb returns ends the reading unless it is RV_OK. */
typedef enum rv_code rv_json_item_cb(void *arg, const struct rv_json *item, struct rv_err *err);
RV_MUST_USE enum rv_code rv_json_parse_items(struct rv_arena *a, struct rv_str text,
	const struct rv_json_limits *limits, rv_json_item_cb *cb, void *arg, struct rv_err *err);

/* Lookups: NULL when v is NULL, not an object, or has no such member. */
const struct rv_json *rv_json_get(const struct rv_json *v, const char *name);
const struct rv_json *rv_json_get_str(const struct rv_json *v, struct rv_str name);
/* "a string", "an object" ... for messages. */
const char *rv_json_type_name(enum rv_json_type type);
static inline bool rv_json_is(const struct rv_json *v, enum rv_json_type type)
{
	return v && v->type == type;
}
/* Members in order: RV_JSON_EACH(m, obj) { m->name, m->value } */
#define RV_JSON_EACH(m, obj)                                                      \
	for (const struct rv_json_member *m = (obj)->members,                     \
					 *m##_end = m ? m + (obj)->n_members : m; \
		m < m##_end; m++)
/* Same type and content; objects compare without order, numbers by value. */
bool rv_json_eq(const struct rv_json *a, const struct rv_json *b);

/* A checked reader of one object: knows the path, refuses what it was not asked about. Use:
 *   struct rv_json_obj o;
 *   RV_TRY(rv_json_obj_open(&o, v, "subject", err));           path for messages
 *   RV_TRY(rv_json_need_str(&o, "id", &id, err));              required
 *   RV_TRY(rv_json_opt_str(&o, "note", &note, err));           optional: left alone when absent
 *   RV_TRY(rv_json_obj_close(&o, err));                        unknown members -> RV_EINVAL with
 * place and the known names At most 64 names can be asked for. Messages: "subject.id: must be a
 * string, not a number". */
struct rv_json_obj {
	const struct rv_json *v;
	const char *path;
	const char *asked[64];
	size_t n_asked;
};
RV_MUST_USE enum rv_code rv_json_obj_open(
	struct rv_json_obj *o, const struct rv_json *v, const char *path, struct rv_err *err);
RV_MUST_USE enum rv_code rv_json_need(struct rv_json_obj *o, const char *name,
	enum rv_json_type type, const struct rv_json **ret, struct rv_err *err);
/* *ret is NULL when absent. A null member is an error here, not an absence. */
RV_MUST_USE enum rv_code rv_json_opt(struct rv_json_obj *o, const char *name,
	enum rv_json_type type, const struct rv_json **ret, struct rv_err *err);
RV_MUST_USE enum rv_code rv_json_need_str(
	struct rv_json_obj *o, const char *name, struct rv_str *ret, struct rv_err *err);
RV_MUST_USE enum rv_code rv_json_opt_str(
	struct rv_json_obj *o, const char *name, struct rv_str *ret, struct rv_err *err);
RV_MUST_USE enum rv_code rv_json_opt_i64(struct rv_json_obj *o, const char *name, int64_t min,
	int64_t max, int64_t *ret, struct rv_err *err);
RV_MUST_USE enum rv_code rv_json_opt_bool(
	struct rv_json_obj *o, const char *name, bool *ret, struct rv_err *err);
/* Any type; *ret NULL when absent. */
const struct rv_json *rv_json_opt_any(struct rv_json_obj *o, const char *name);
RV_MUST_USE enum rv_code rv_json_obj_close(struct rv_json_obj *o, struct rv_err *err);

/* Writer: appends well-formed compact JSON to a buffer; commas are its business. Nesting is the
 * caller's duty (asserted). Check rv_buf_ok at the end. */
struct rv_json_w {
	struct rv_buf *out;
	uint64_t has_item; /* a bit a level */
	uint32_t depth;
	bool after_name;
};
void rv_json_w_init(struct rv_json_w *w, struct rv_buf *out);
void rv_json_w_obj(struct rv_json_w *w); /* { */
void rv_json_w_obj_end(struct rv_json_w *w);
void rv_json_w_arr(struct rv_json_w *w);
void rv_json_w_arr_end(struct rv_json_w *w);
void rv_json_w_name_str(struct rv_json_w *w, struct rv_str name);
void rv_json_w_str(struct rv_json_w *w, struct rv_str s); /* bad UTF-8 becomes U+FFFD */
void rv_json_w_i64(struct rv_json_w *w, int64_t v);
void rv_json_w_bool(struct rv_json_w *w, bool v);
void rv_json_w_null(struct rv_json_w *w);
void rv_json_w_value(struct rv_json_w *w, const struct rv_json *v);
/* Bytes that are one JSON value already. */
void rv_json_w_raw(struct rv_json_w *w, struct rv_str json);
void rv_json_w_member(struct rv_json_w *w, struct rv_str name, struct rv_str s);
/* The same for names that stand in the program: their lengths are known when it is compiled. */
static inline void rv_json_w_name(struct rv_json_w *w, const char *name)
{
	rv_json_w_name_str(w, rv_str_of(name));
}
static inline void rv_json_w_strz(struct rv_json_w *w, const char *z)
{
	rv_json_w_str(w, rv_str_of(z));
}
/* name and value in one; a string with p == NULL is left out. */
static inline void rv_json_w_kv_str(struct rv_json_w *w, const char *name, struct rv_str s)
{
	if (s.p)
		rv_json_w_member(w, rv_str_of(name), s);
}
static inline void rv_json_w_kv_strz(struct rv_json_w *w, const char *name, const char *z)
{
	rv_json_w_kv_str(w, name, rv_str_of(z));
}
static inline void rv_json_w_kv_i64(struct rv_json_w *w, const char *name, int64_t v)
{
	rv_json_w_name(w, name);
	rv_json_w_i64(w, v);
}
static inline void rv_json_w_kv_bool(struct rv_json_w *w, const char *name, bool v)
{
	rv_json_w_name(w, name);
	rv_json_w_bool(w, v);
}

/* RFC 8785 canonical form: names sorted by UTF-16 units, numbers as ECMAScript prints doubles. An
 * integer outside
 * +-2^53 has no exact double and is refused (RV_EINVAL with its place), for two readers could
 * disagree about it. */
RV_MUST_USE enum rv_code rv_json_canonical(
	const struct rv_json *v, struct rv_buf *out, struct rv_err *err);
/* Indented by two blanks, for people. */
void rv_json_pretty(const struct rv_json *v, struct rv_buf *out);
#endif
