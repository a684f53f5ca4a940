/* Where in a JSON document a reader stands: a chain on its stack, printed only when something is
 * wrong. Private to cedar/. */
#ifndef RV_CEDAR_JSON_PATH_H
#define RV_CEDAR_JSON_PATH_H
#include "cedar/cedar_int.h"

struct json_path {
	const struct json_path *up; /* NULL: the document itself */
	cedar_str name; /* a member; p == NULL: index of an array */
	size_t index;
};
static inline struct json_path json_in(const struct json_path *up, const char *member)
{
	return (struct json_path){ up, cedar_z(member), 0 };
}
static inline struct json_path json_in_str(const struct json_path *up, struct rv_str member)
{
	return (struct json_path){ up, { member.p ? member.p : "", member.n }, 0 };
}
static inline struct json_path json_at(const struct json_path *up, size_t index)
{
	return (struct json_path){ up, { NULL, 0 }, index };
}
/* CEDAR_EPARSE with the place of v and "conditions[0].body.like: …" in front. */
cedar_code cedar_json_path_fail(cedar_error *err, const struct json_path *at,
	const struct rv_json *v, const char *fmt, ...) RV_PRINTF(4, 5);
/* v is of that type, or it fails. v may be NULL: it is missing in the object `in`. */
cedar_code cedar_json_want(cedar_error *err, const struct json_path *at, const struct rv_json *in,
	const struct rv_json *v, enum rv_json_type type);
/* Refuses members that are not among the words, which blanks divide. */
cedar_code cedar_json_only(
	cedar_error *err, const struct json_path *at, const struct rv_json *v, const char *words);
/* Required and of that type. */
cedar_code cedar_json_need(cedar_error *err, const struct json_path *at, const struct rv_json *v,
	const char *name, enum rv_json_type type, const struct rv_json **ret);
/* {"type","id"}, perhaps inside {"__entity":…}; strings are borrowed from the tree. */
cedar_code cedar_json_path_uid(struct rv_arena *a, cedar_error *err, const struct json_path *at,
	const struct rv_json *v, const cedar_uid **ret);
#endif
