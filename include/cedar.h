/* libcedar: the Cedar policy language (https://www.cedarpolicy.com), language version 4.5.
 *
 * Policies and entities are made once and never change afterwards: any number of threads may use
 * them at the same time. Each thread brings a scratch of its own; a warm one makes cedar_authorize
 * free of malloc. Nothing here reads a clock, a file or randomness, and nothing prints.
 *
 *	cedar_scratch *s = cedar_scratch_new(0);
 *	cedar_policies *ps;
 *	cedar_entities *es;
 *	cedar_request rq;
 *	cedar_answer a;
 *	if (cedar_policies_parse(cedar_z("permit(principal, action, resource);"), NULL, &ps, &err)
 *|| cedar_entities_parse_json(cedar_z("[]"), NULL, &es, &err) || cedar_request_parse_json(s,
 *cedar_z(json), NULL, &rq, &err)) fail(err.message); cedar_authorize(ps, es, &rq, s, &a); if
 *(a.decision == CEDAR_ALLOW) ...
 */
#ifndef CEDAR_H
#define CEDAR_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CEDAR_MUST_USE __attribute__((warn_unused_result))

/* UTF-8, may hold NUL, owns nothing. p == NULL: absent, where that is said to be possible. */
typedef struct cedar_str {
	const char *p;
	size_t n;
} cedar_str;
static inline cedar_str cedar_z(const char *z)
{
	cedar_str s = { z, z ? strlen(z) : 0 };
	return s;
}
static inline cedar_str cedar_n(const char *p, size_t n)
{
	cedar_str s = { p, n };
	return s;
}

typedef enum cedar_code {
	CEDAR_OK = 0,
	CEDAR_EPARSE, /* malformed text or JSON; place and often help are set */
	CEDAR_ELIMIT, /* a size, depth or memory limit was passed */
	CEDAR_EEVAL, /* an expression failed (only where one is evaluated outside a policy) */
	CEDAR_EEXIST, /* a policy id twice, or one entity with two contents */
	CEDAR_ENOENT, /* no such policy, template, entity type ... */
	CEDAR_ECYCLE, /* the entity hierarchy runs in a circle */
	CEDAR_ESCHEMA, /* well-formed, but not what the schema says */
} cedar_code;

/* What was wrong and where. offset and length are bytes of the text given; line and column count
 * from 1 (column in bytes); line 0: no place. */
typedef struct cedar_error {
	cedar_code code;
	unsigned line, column;
	size_t offset, length;
	char message[512]; /* lower case, no newline */
	char help[256]; /* what to do about it; may be "" */
} cedar_error;

/* Gets pieces of output. */
typedef void cedar_write_fn(void *arg, const char *p, size_t n);
/* "NAME:LINE:COL: message", then the line with a caret under the place, then the help. name may be
 * NULL; text: what was parsed (p == NULL: no caret). */
void cedar_error_show(
	const cedar_error *e, const char *name, cedar_str text, cedar_write_fn *write, void *arg);

/* ---- scratch ------------------------------------------------------------------------------- */

/* Memory for what one request builds and for what an answer shows. One thread at a time. */
typedef struct cedar_scratch cedar_scratch;
/* max_bytes: the most it may grow to; 0: 64 MiB. NULL: out of memory. */
cedar_scratch *cedar_scratch_new(size_t max_bytes);
void cedar_scratch_free(cedar_scratch *s); /* NULL is fine */
/* Forgets values, requests and answers made with it; keeps the memory warm. Call it between
 * requests. */
void cedar_scratch_reset(cedar_scratch *s);
/* A copy in the scratch; p == NULL: no memory. */
cedar_str cedar_scratch_copy(cedar_scratch *s, cedar_str text);

/* ---- values -------------------------------------------------------------------------------- */

typedef enum cedar_kind {
	CEDAR_NONE = 0, /* no value; a context, attrs or tags of this kind are empty */
	CEDAR_BOOL,
	CEDAR_LONG,
	CEDAR_STRING,
	CEDAR_ENTITY,
	CEDAR_SET,
	CEDAR_RECORD,
	CEDAR_DECIMAL, /* integer: ten-thousandths */
	CEDAR_IPADDR,
	CEDAR_DATETIME, /* integer: milliseconds since 1970-01-01T00:00:00Z */
	CEDAR_DURATION, /* integer: milliseconds */
} cedar_kind;
const char *cedar_kind_name(cedar_kind k); /* "long", "ipaddr", ...; static */

typedef struct cedar_uid cedar_uid; /* an entity's type and id */
typedef struct cedar_set cedar_set;
typedef struct cedar_record cedar_record;
typedef struct cedar_ip {
	uint8_t address[16]; /* of version 4 the first 4 bytes */
	uint8_t prefix;
	bool is_v6;
} cedar_ip;
/* Copied freely; what it points to belongs to the scratch, policies or entities it came from. Made
 * by the functions below only. */
typedef struct cedar_value {
	uint32_t kind; /* enum cedar_kind */
	uint32_t n; /* bytes of a string */
	union {
		int64_t integer; /* also of a bool: 0 or 1 */
		const char *string;
		const cedar_uid *uid;
		const cedar_set *set;
		const cedar_record *record;
		const cedar_ip *ip;
	} u;
} cedar_value;

/* Type::"id". type and id are borrowed: they must live as long as the uid. CEDAR_EPARSE: type is no
 * name, such as "App::User". */
CEDAR_MUST_USE cedar_code cedar_uid_make(
	cedar_scratch *s, cedar_str type, cedar_str id, const cedar_uid **ret, cedar_error *err);
/* The same from text as policies write it: App::User::"alice". Copies. */
CEDAR_MUST_USE cedar_code cedar_uid_parse(
	cedar_scratch *s, cedar_str text, const cedar_uid **ret, cedar_error *err);
cedar_str cedar_uid_type(const cedar_uid *u);
cedar_str cedar_uid_id(const cedar_uid *u);
bool cedar_uid_eq(const cedar_uid *a, const cedar_uid *b);
bool cedar_is_name(cedar_str s); /* identifiers joined by "::", none of them reserved */

static inline cedar_value cedar_bool(bool b)
{
	cedar_value v = { CEDAR_BOOL, 0, { .integer = b } };
	return v;
}
static inline cedar_value cedar_long(int64_t i)
{
	cedar_value v = { CEDAR_LONG, 0, { .integer = i } };
	return v;
}
/* Borrowed, must be UTF-8 and under 4 GiB. */
static inline cedar_value cedar_string(cedar_str s)
{
	cedar_value v = { CEDAR_STRING, (uint32_t)s.n, { .string = s.p } };
	return v;
}
static inline cedar_value cedar_entity_ref(const cedar_uid *u)
{
	cedar_value v = { CEDAR_ENTITY, 0, { .uid = u } };
	return v;
}
static inline cedar_value cedar_decimal(int64_t ten_thousandths)
{
	cedar_value v = { CEDAR_DECIMAL, 0, { .integer = ten_thousandths } };
	return v;
}
static inline cedar_value cedar_datetime(int64_t unix_ms)
{
	cedar_value v = { CEDAR_DATETIME, 0, { .integer = unix_ms } };
	return v;
}
static inline cedar_value cedar_duration(int64_t ms)
{
	cedar_value v = { CEDAR_DURATION, 0, { .integer = ms } };
	return v;
}
/* Copies the items' array. CEDAR_ELIMIT: no memory. */
CEDAR_MUST_USE cedar_code cedar_set_make(
	cedar_scratch *s, const cedar_value *items, size_t n, cedar_value *ret, cedar_error *err);
typedef struct cedar_pair {
	cedar_str key; /* borrowed */
	cedar_value value;
} cedar_pair;
/* CEDAR_EEXIST: a key twice. */
CEDAR_MUST_USE cedar_code cedar_record_make(
	cedar_scratch *s, const cedar_pair *pairs, size_t n, cedar_value *ret, cedar_error *err);
/* Calls a constructor: "decimal", "ip", "datetime", "duration". CEDAR_ENOENT: no such function;
 * CEDAR_EEVAL: text it does not take. */
CEDAR_MUST_USE cedar_code cedar_extension(
	cedar_scratch *s, cedar_str fn, cedar_str text, cedar_value *ret, cedar_error *err);
/* A value of the JSON format: {"__entity":{"type","id"}}, {"__extn":{"fn","arg"}}, arrays are sets,
 * objects records; integers are exact, fractions and null refused. Strings are copied. */
CEDAR_MUST_USE cedar_code cedar_value_parse_json(
	cedar_scratch *s, cedar_str json, cedar_value *ret, cedar_error *err);

bool cedar_value_eq(const cedar_value *a, const cedar_value *b); /* as == of the language */
static inline cedar_str cedar_value_str(const cedar_value *v) /* of a string */
{
	return cedar_n(v->u.string, v->n);
}
size_t cedar_set_count(const cedar_set *s); /* without duplicates */
const cedar_value *cedar_set_at(const cedar_set *s, size_t i);
size_t cedar_record_count(const cedar_record *r);
cedar_pair cedar_record_at(const cedar_record *r, size_t i); /* in no particular order */
const cedar_value *cedar_record_get(const cedar_record *r, cedar_str key); /* NULL: absent */
/* In the language's own spelling, records sorted by key. */
void cedar_value_show(const cedar_value *v, cedar_write_fn *write, void *arg);
void cedar_uid_show(const cedar_uid *u, cedar_write_fn *write, void *arg);
/* In the JSON format, explicit form. */
void cedar_value_json(const cedar_value *v, cedar_write_fn *write, void *arg);

/* ---- schema -------------------------------------------------------------------------------- */

typedef struct cedar_schema cedar_schema; /* wherever one is taken, NULL means none */

/* ---- policies ------------------------------------------------------------------------------ */

typedef struct cedar_policies cedar_policies;
typedef struct cedar_policies_opts {
	const char *id_prefix; /* ids are prefix0, prefix1 ... in textual order; NULL: "policy" */
	bool use_id_annotation; /* @id("x") names a policy x instead */
	bool no_index; /* walk all policies for each request: only for testing the index */
	size_t max_policies; /* 0: 1,000,000 */
} cedar_policies_opts;
/* Policies and templates of one text. opts may be NULL. */
CEDAR_MUST_USE cedar_code cedar_policies_parse(
	cedar_str text, const cedar_policies_opts *opts, cedar_policies **ret, cedar_error *err);
/* Counts a reference; freed with the last. Any thread. */
cedar_policies *cedar_policies_ref(cedar_policies *ps);
void cedar_policies_free(cedar_policies *ps); /* NULL is fine */

/* The long way: several texts and links, one set. All ids share one name space. */
typedef struct cedar_builder cedar_builder;
cedar_builder *cedar_builder_new(void); /* NULL: out of memory */
void cedar_builder_free(cedar_builder *b); /* NULL is fine */
/* Adds the policies and templates of a text, which is copied. Of opts only the naming counts; the
 * numbers behind a prefix go on from one text to the next of the same prefix. After an error the
 * builder holds nothing of this text. */
CEDAR_MUST_USE cedar_code cedar_builder_add(
	cedar_builder *b, cedar_str text, const cedar_policies_opts *opts, cedar_error *err);
/* Adds a policy of which the text holds exactly one, under a given id. */
CEDAR_MUST_USE cedar_code cedar_builder_add_one(
	cedar_builder *b, cedar_str id, cedar_str text, cedar_error *err);
/* Fills a template's slots; the ones it has must be given, the others be NULL. */
CEDAR_MUST_USE cedar_code cedar_builder_link(cedar_builder *b, cedar_str template_id,
	cedar_str new_id, const cedar_uid *principal, const cedar_uid *resource, cedar_error *err);
/* Compiles; b is empty afterwards. */
CEDAR_MUST_USE cedar_code cedar_builder_finish(
	cedar_builder *b, const cedar_policies_opts *opts, cedar_policies **ret, cedar_error *err);

typedef struct cedar_annotation {
	cedar_str name;
	cedar_str value; /* of @name alone: "" */
	bool has_value;
} cedar_annotation;
typedef struct cedar_policy {
	cedar_str id;
	cedar_str text; /* exactly as written, from the first annotation to the ';' */
	size_t offset; /* of text in what was parsed */
	unsigned line, column;
	bool is_forbid;
	bool is_template; /* has slots; decides nothing until linked */
	const cedar_annotation *annotations;
	size_t n_annotations;
	/* Of a link: what it was made of. A link has its template's text and annotations. */
	cedar_str template_id; /* p == NULL: not a link */
	const cedar_uid *slot_principal, *slot_resource; /* NULL: not filled */
} cedar_policy;
/* Templates and links included; in the order they were added. */
size_t cedar_policies_count(const cedar_policies *ps);
const cedar_policy *cedar_policies_at(const cedar_policies *ps, size_t i); /* i < count */
size_t cedar_policies_find(const cedar_policies *ps, cedar_str id); /* SIZE_MAX: none */
/* p == NULL: the policy has no such annotation. */
cedar_str cedar_annotation_get(const cedar_policy *p, const char *name);

/* ---- entities ------------------------------------------------------------------------------ */

typedef struct cedar_entities cedar_entities;
typedef struct cedar_entity {
	const cedar_uid *uid;
	cedar_value attrs; /* a record or CEDAR_NONE */
	cedar_value tags; /* the same */
	const cedar_uid *const *parents;
	size_t n_parents;
} cedar_entity;
/* Copies everything. CEDAR_EEXIST: one uid with two contents; CEDAR_ECYCLE; CEDAR_ELIMIT. */
CEDAR_MUST_USE cedar_code cedar_entities_make(
	const cedar_entity *list, size_t n, cedar_entities **ret, cedar_error *err);
/* The JSON format. Without a schema references and extension values must be explicit. */
CEDAR_MUST_USE cedar_code cedar_entities_parse_json(
	cedar_str json, const cedar_schema *schema, cedar_entities **ret, cedar_error *err);
/* A new set in which the changed entities replace or join those of base and the removed ones are
 * gone; everything else is shared with base, which stays as it is. A change that leaves an entity's
 * parents alone costs the same for ten entities as for a million. */
CEDAR_MUST_USE cedar_code cedar_entities_with(const cedar_entities *base,
	const cedar_entity *changed, size_t n_changed, const cedar_uid *const *removed,
	size_t n_removed, cedar_entities **ret, cedar_error *err);
/* Counts a reference; freed with the last. Any thread. */
cedar_entities *cedar_entities_ref(cedar_entities *es);
void cedar_entities_free(cedar_entities *es); /* NULL is fine */
size_t cedar_entities_count(const cedar_entities *es);
/* false: not there. *ret (may be NULL) borrows from es. */
bool cedar_entities_get(const cedar_entities *es, const cedar_uid *uid, cedar_entity *ret);
/* a in b: the same, or b is an ancestor of a. */
bool cedar_entities_in(const cedar_entities *es, const cedar_uid *a, const cedar_uid *b);
/* All of them, in no particular order. */
typedef void cedar_entity_fn(void *arg, const cedar_entity *e);
void cedar_entities_each(const cedar_entities *es, cedar_entity_fn *fn, void *arg);
/* The JSON format, explicit form. */
void cedar_entity_json(const cedar_entity *e, cedar_write_fn *write, void *arg);

/* ---- requests and answers ------------------------------------------------------------------ */

typedef struct cedar_request {
	const cedar_uid *principal, *action, *resource;
	cedar_value context; /* a record or CEDAR_NONE */
	/* Entities for this request alone, hiding those of the set with the same uid (their
	 * parents are looked up in the set). NULL: none. */
	const cedar_entity *overlay;
	size_t n_overlay; /* meant to be few */
} cedar_request;
/* {"principal":P,"action":A,"resource":R,"context":{...}}; a uid is "User::\"a\"",
 * {"type","id"} or {"__entity":{"type","id"}}. Built in s; text may go away. */
CEDAR_MUST_USE cedar_code cedar_request_parse_json(cedar_scratch *s, cedar_str json,
	const cedar_schema *schema, cedar_request *ret, cedar_error *err);

/* Zero is never a decision, and the two are far apart: compare with the constant. */
typedef enum cedar_decision {
	CEDAR_UNDECIDED = 0,
	CEDAR_DENY = 0x5a,
	CEDAR_ALLOW = 0xa5,
} cedar_decision;
/* A policy that could not be evaluated; the language skips it. */
typedef struct cedar_fault {
	uint32_t policy; /* index */
	bool is_forbid;
	cedar_str message;
} cedar_fault;
/* Everything that is so, whatever the decision: nothing is left out because something else decided
 * already. Lists are ascending policy indexes and live in the scratch until it is reset. */
typedef struct cedar_answer {
	cedar_decision decision;
	const uint32_t *permits; /* satisfied */
	size_t n_permits;
	const uint32_t *forbids; /* satisfied */
	size_t n_forbids;
	const cedar_fault *faults;
	size_t n_faults;
	size_t n_forbid_faults; /* how many of them are forbids */
	/* The scratch's limit was hit: decision is CEDAR_DENY, the lists may be cut. Treat it as a
	 * failure, not as what the policies say. */
	bool is_cut_short;
} cedar_answer;
/* No malloc once the scratch is warm. Never fails otherwise: what cannot be evaluated is a fault.
 */
void cedar_authorize(const cedar_policies *ps, const cedar_entities *es, const cedar_request *rq,
	cedar_scratch *s, cedar_answer *ret);
/* One expression, as in a condition. For tools and tests. CEDAR_EPARSE, CEDAR_EEVAL, CEDAR_ELIMIT.
 */
CEDAR_MUST_USE cedar_code cedar_eval(cedar_str expression, const cedar_entities *es,
	const cedar_request *rq, cedar_scratch *s, cedar_value *ret, cedar_error *err);

#ifdef __cplusplus
}
#endif
#endif
