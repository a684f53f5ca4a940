/* libcedar: the Cedar policy language (https://www.cedarpolicy.com), language version 4.5.
 *
 * Policies and entities are loaded once and never change afterwards: any number of threads may use
 * them. Each thread brings a scratch of its own; a warm one makes cedar_authorize free of malloc.
 * Nothing here reads a clock, a file or randomness.
 *
 *     cedar_policies *ps; cedar_entities *es; cedar_scratch *s = cedar_scratch_new();
 *     if (cedar_policies_parse(cedar_z("permit(principal, action, resource);"), NULL, &ps, &err) !=
 * CEDAR_OK) … if (cedar_entities_parse_json(cedar_z("[]"), &es, &err) != CEDAR_OK) … cedar_request
 * rq; cedar_answer a; cedar_request_parse_json(s, text, &rq, &err); cedar_authorize(ps, es, &rq, s,
 * &a);
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
#pragma GCC visibility push(default) /* the library's other names are hidden */

typedef struct cedar_str {
	const char *p; /* UTF-8, may hold NUL */
	size_t n;
} cedar_str;
static inline cedar_str cedar_z(const char *z)
{
	cedar_str s = { z, z ? strlen(z) : 0 };
	return s;
}

typedef enum cedar_code {
	CEDAR_OK = 0,
	CEDAR_EPARSE, /* malformed policy, schema or JSON; place and help are set */
	CEDAR_ELIMIT, /* a size, depth or memory limit */
	CEDAR_EEVAL, /* an expression failed; only in values evaluated outside a policy */
	CEDAR_EEXIST, /* a policy id or an entity twice */
	CEDAR_ECYCLE, /* the entity hierarchy has a cycle */
	CEDAR_ESCHEMA, /* well-formed, but not what the schema says */
	CEDAR_ELINK, /* a link that does not fit its template */
} cedar_code;

/* What was wrong. line and column count from 1, 0 = unknown (column in bytes); offset and length
 * are bytes of the text. */
typedef struct cedar_error {
	cedar_code code;
	size_t offset, length;
	unsigned line, column;
	char message[400];
	char help[200]; /* what to do; may be "" */
} cedar_error;
/* "NAME:LINE:COL: message", the line with a caret below the place, and the help: at most size
 * bytes, terminated. Returns buf. */
const char *cedar_error_render(
	const cedar_error *e, const char *name, cedar_str text, char *buf, size_t size);

/* ---- values
 * -------------------------------------------------------------------------------------------------------
 */

typedef enum cedar_kind {
	CEDAR_BOOL = 1,
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

typedef struct cedar_uid {
	cedar_str type; /* "NS::User" */
	cedar_str id;
	uint64_t hash; /* of both; made by cedar_uid_of */
} cedar_uid;
typedef struct cedar_set cedar_set;
typedef struct cedar_record cedar_record;
typedef struct cedar_ip {
	uint8_t address[16]; /* the first 4 for version 4 */
	uint8_t prefix;
	bool is_v6;
} cedar_ip;
typedef struct cedar_value {
	cedar_kind kind;
	union {
		bool boolean;
		int64_t integer;
		cedar_str string;
		const cedar_uid *uid;
		const cedar_set *set;
		const cedar_record *record;
		const cedar_ip *ip;
	} u;
} cedar_value;

/* Memory for what one request builds, and for what an answer shows. One thread. */
typedef struct cedar_scratch cedar_scratch;
cedar_scratch *cedar_scratch_new(void); /* NULL: out of memory */
void cedar_scratch_free(cedar_scratch *s);
/* Forgets values, requests and answers made with it; keeps the memory. */
void cedar_scratch_clear(cedar_scratch *s);

/* Builders. Strings are borrowed: they must live as long as the value. A failed builder yields
 * CEDAR_ELIMIT. */
cedar_uid cedar_uid_of(cedar_str type, cedar_str id);
static inline cedar_value cedar_bool(bool b)
{
	cedar_value v = { CEDAR_BOOL, { .boolean = b } };
	return v;
}
static inline cedar_value cedar_long(int64_t i)
{
	cedar_value v = { CEDAR_LONG, { .integer = i } };
	return v;
}
static inline cedar_value cedar_string(cedar_str s)
{
	cedar_value v = { CEDAR_STRING, { .string = s } };
	return v;
}
static inline cedar_value cedar_datetime_ms(int64_t unix_ms)
{
	cedar_value v = { CEDAR_DATETIME, { .integer = unix_ms } };
	return v;
}
static inline cedar_value cedar_decimal_of(int64_t ten_thousandths)
{
	cedar_value v = { CEDAR_DECIMAL, { .integer = ten_thousandths } };
	return v;
}
CEDAR_MUST_USE cedar_code cedar_entity_value(
	cedar_scratch *s, const cedar_uid *uid, cedar_value *ret, cedar_error *err);
CEDAR_MUST_USE cedar_code cedar_set_of(
	cedar_scratch *s, const cedar_value *items, size_t n, cedar_value *ret, cedar_error *err);
typedef struct cedar_pair {
	cedar_str key;
	cedar_value value;
} cedar_pair;
/* CEDAR_EPARSE when a key occurs twice. */
CEDAR_MUST_USE cedar_code cedar_record_of(
	cedar_scratch *s, const cedar_pair *pairs, size_t n, cedar_value *ret, cedar_error *err);
/* Calls an extension constructor: decimal, ip, datetime, duration. CEDAR_EEVAL: unknown, or text it
 * does not take. */
CEDAR_MUST_USE cedar_code cedar_extension(
	cedar_scratch *s, cedar_str fn, cedar_str text, cedar_value *ret, cedar_error *err);
/* A value of the JSON format: {"__entity":{…}}, {"__extn":{…}}, arrays are sets, objects records.
 * Strings are copied. */
CEDAR_MUST_USE cedar_code cedar_value_parse_json(
	cedar_scratch *s, cedar_str json, cedar_value *ret, cedar_error *err);

bool cedar_value_eq(const cedar_value *a, const cedar_value *b);
const char *cedar_kind_name(cedar_kind k);
size_t cedar_set_count(const cedar_set *s);
const cedar_value *cedar_set_at(const cedar_set *s, size_t i);
size_t cedar_record_count(const cedar_record *r);
const cedar_pair *cedar_record_at(const cedar_record *r, size_t i); /* in key order */
const cedar_value *cedar_record_get(const cedar_record *r, cedar_str key); /* NULL: absent */
/* Cedar's own spelling; at most size bytes, terminated. Returns the bytes it would take. */
size_t cedar_value_print(const cedar_value *v, char *buf, size_t size);

/* ---- policies
 * -----------------------------------------------------------------------------------------------------
 */

typedef struct cedar_policies cedar_policies;
typedef struct cedar_source {
	cedar_str text;
	const char *
		id_prefix; /* ids are prefix0, prefix1 … in the order of the text; NULL: "policy" */
	bool use_id_annotation; /* @id("x") names a policy x instead; not in JSON */
	bool is_json; /* one policy ("JSON policy" without a prefix), or a policy set with its ids
		       */
} cedar_source;
/* What fills the slots of a template: the policy made of it is known by id. */
typedef struct cedar_link {
	cedar_str template_id, id;
	const cedar_uid *principal, *resource; /* NULL: nothing is said for that slot */
} cedar_link;
typedef struct cedar_policies_opts {
	size_t max_policies; /* 0: 1,000,000 */
	bool no_templates; /* a template is an error */
	const cedar_link *links; /* copied; made after all sources are read, in this order */
	size_t n_links;
	bool no_index; /* walk all policies for each request: for tests of the index */
} cedar_policies_opts;
/* The texts are copied. Ids, those of links included, must be unique over all sources. *ret_source
 * (may be NULL): which source failed; n when a link of opts did. CEDAR_ELINK: a link names no
 * template, or does not fill its slots and no others. */
CEDAR_MUST_USE cedar_code cedar_policies_new(const cedar_source *sources, size_t n,
	const cedar_policies_opts *opts, cedar_policies **ret, size_t *ret_source,
	cedar_error *err);
CEDAR_MUST_USE cedar_code cedar_policies_parse(
	cedar_str text, const cedar_policies_opts *opts, cedar_policies **ret, cedar_error *err);
void cedar_policies_free(cedar_policies *ps);

typedef struct cedar_annotation {
	cedar_str key, value;
	bool has_value; /* @key alone: value is "" */
} cedar_annotation;
typedef struct cedar_policy_info {
	cedar_str id;
	cedar_str text; /* from the first annotation to the ';'; of a link: its template's;
			 of JSON: as text would say it */
	size_t source; /* index of its source */
	size_t offset; /* in it; JSON: 0 */
	unsigned line, column;
	bool is_forbid;
	bool is_template; /* has slots: holds for no request until it is linked */
	bool is_linked; /* made of a template, whose effect, annotations and conditions it has */
	size_t template_index; /* is_linked: of that template */
	const cedar_uid *slot_principal,
		*slot_resource; /* is_linked: what fills it; NULL: no slot */
	const cedar_annotation *annotations;
	size_t n_annotations;
} cedar_policy_info;
/* Templates included. In the order of the sources; links behind them. */
size_t cedar_policies_count(const cedar_policies *ps);
/* Borrowed from ps. i < count. */
const cedar_policy_info *cedar_policy_at(const cedar_policies *ps, size_t i);
/* True when the policy's scope says `resource == uid`. */
bool cedar_policy_names_resource(const cedar_policies *ps, size_t i, const cedar_uid *uid);
/* Every entity that policy i names, and every type it names behind `is`, as often as it stands
 * there. type: of the entity, or alone, and then uid is NULL. Borrowed from ps. */
typedef void cedar_name_cb(void *arg, cedar_str type, const cedar_uid *uid);
void cedar_policy_names(const cedar_policies *ps, size_t i, cedar_name_cb *cb, void *arg);
/* SIZE_MAX: no such id. */
size_t cedar_policy_find(const cedar_policies *ps, cedar_str id);
/* Links as JSON: an array of {"template_id", "link_id", "args": {"?principal": "User::\"a\""}}, or
 * as a policy set has them: {"templateId", "newId", "values": {"?principal": {"type", "id"}}}.
 * Built in s. */
CEDAR_MUST_USE cedar_code cedar_links_parse_json(
	cedar_scratch *s, cedar_str json, const cedar_link **ret, size_t *ret_n, cedar_error *err);
/* The set in JSON: {"templates", "staticPolicies", "templateLinks"}. *ret: to be freed, terminated;
 * ret_n may be NULL. */
CEDAR_MUST_USE cedar_code cedar_policies_to_json(
	const cedar_policies *ps, char **ret, size_t *ret_n, cedar_error *err);
typedef struct cedar_format_opts {
	unsigned line_width; /* 0: 80; lines keep to it where they can */
	unsigned indent_width;
	bool has_indent; /* false: an indentation of 2 */
} cedar_format_opts;
/* Policy text in one style: white space moves, and a comma that closes a list goes; every comment
 * stays beside the token it stood at. Formatting the result changes nothing. opts may be NULL. */
CEDAR_MUST_USE cedar_code cedar_format(
	cedar_str text, const cedar_format_opts *opts, char **ret, size_t *ret_n, cedar_error *err);
/* All policies as formatted text. Ids and comments are lost. CEDAR_ELINK: there are links, which
 * text cannot tell. */
CEDAR_MUST_USE cedar_code cedar_policies_to_text(const cedar_policies *ps,
	const cedar_format_opts *opts, char **ret, size_t *ret_n, cedar_error *err);
/* One policy in JSON, or in one line of text without comments; a link as the policy it makes.
 * CEDAR_ELIMIT: an expression would nest too deep to be read back. */
CEDAR_MUST_USE cedar_code cedar_policy_to_json(
	const cedar_policies *ps, size_t i, char **ret, size_t *ret_n, cedar_error *err);
CEDAR_MUST_USE cedar_code cedar_policy_to_text(
	const cedar_policies *ps, size_t i, char **ret, size_t *ret_n, cedar_error *err);
/* value.p == NULL: no such annotation. */
cedar_str cedar_annotation_get(const cedar_policy_info *p, const char *key);

/* ---- schemas
 * ------------------------------------------------------------------------------------------------------
 */

/* Wherever one is taken, NULL means none. Immutable; any thread. */
typedef struct cedar_schema cedar_schema;
/* Cedar's own syntax, and JSON. */
CEDAR_MUST_USE cedar_code cedar_schema_parse(cedar_str text, cedar_schema **ret, cedar_error *err);
CEDAR_MUST_USE cedar_code cedar_schema_parse_json(
	cedar_str json, cedar_schema **ret, cedar_error *err);
void cedar_schema_free(cedar_schema *s);
typedef enum cedar_schema_form {
	CEDAR_SCHEMA_TEXT,
	CEDAR_SCHEMA_JSON,
	CEDAR_SCHEMA_JSON_RESOLVED, /* each type told to be an entity type or a common type, in full
				     */
} cedar_schema_form;
/* A schema's document in another form; comments are lost. It may name types it does not declare,
 * save for the resolved form. *ret: to be freed, terminated; ret_n may be NULL. CEDAR_ESCHEMA:
 * something that text has no words for. */
CEDAR_MUST_USE cedar_code cedar_schema_translate(cedar_str text, bool is_json, cedar_schema_form to,
	char **ret, size_t *ret_n, cedar_error *err);

/* ---- validation
 * ----------------------------------------------------------------------------------------------------
 */

typedef struct cedar_validate_opts {
	bool is_permissive; /* unions of entity types, records of other widths, empty sets */
	bool has_level; /* refuse what reads entities more than level steps from the request */
	unsigned level;
	/* As of Cedar 4.13: a scope that no action applies to is a warning, not an error. */
	bool inapplicable_is_warning;
	size_t max_diagnostics; /* 0: 1,000 */
} cedar_validate_opts;
typedef struct cedar_diagnostic {
	const char *code; /* never changes its meaning: "unknown-attribute", … */
	bool is_warning;
	size_t policy; /* index */
	size_t source; /* index of its source; the place is in it */
	size_t offset, length; /* JSON: in the text of cedar_policy_info */
	unsigned line, column; /* JSON: of the policy */
	cedar_str message, help; /* help may be "" */
} cedar_diagnostic;
typedef struct cedar_report {
	const cedar_diagnostic *diagnostics; /* policy by policy */
	size_t n;
	size_t n_errors, n_warnings; /* all, of which the list may hold fewer; of one policy at
				      * most 1,000 */
	bool is_cut; /* there were more than max_diagnostics */
} cedar_report;
/* Holds every policy and template against the schema, in each kind of request (action, type of
 * principal, type of resource) it allows. A policy without errors cannot fail for a wrong type or a
 * missing attribute in a request and entities that fit the schema. The report is in s. opts may be
 * NULL: strict. Errors: CEDAR_ELIMIT. */
CEDAR_MUST_USE cedar_code cedar_validate(const cedar_policies *ps, const cedar_schema *schema,
	const cedar_validate_opts *opts, cedar_scratch *s, cedar_report *ret, cedar_error *err);
/* "NAME:LINE:COL: error: message [code]", the line of the policy with a caret, and the help;
 * without a name no line is shown. At most size bytes, terminated. Returns buf. */
const char *cedar_diagnostic_render(const cedar_policies *ps, const cedar_diagnostic *d,
	const char *name, char *buf, size_t size);

/* ---- entities
 * -----------------------------------------------------------------------------------------------------
 */

typedef struct cedar_entities cedar_entities;
typedef struct cedar_entity {
	cedar_uid uid;
	cedar_value attrs; /* a record, or kind 0: none */
	cedar_value tags; /* the same */
	const cedar_uid *parents;
	size_t n_parents;
} cedar_entity;
/* Copies all. Errors: CEDAR_EEXIST one uid with two contents, CEDAR_ECYCLE, CEDAR_ELIMIT. */
CEDAR_MUST_USE cedar_code cedar_entities_new(
	const cedar_entity *list, size_t n, cedar_entities **ret, cedar_error *err);
/* The JSON format, explicit form (no schema). */
CEDAR_MUST_USE cedar_code cedar_entities_parse_json(
	cedar_str json, cedar_entities **ret, cedar_error *err);
/* Directed by a schema: references and extension values may be written short, everything must be as
 * the schema says (else CEDAR_ESCHEMA), and its actions join the set. */
CEDAR_MUST_USE cedar_code cedar_entities_parse_json_with(
	cedar_str json, const cedar_schema *schema, cedar_entities **ret, cedar_error *err);
/* base with some entities put (each replaces the one of its uid) and some removed (those that are
 * not there are passed over; a uid in both lists is put). base stays as it is. The two share all
 * that did not change and are freed in any order. Costs by what changes, not by how many there are;
 * only when an entity that others are in comes, goes or changes its parents, all are looked at
 * once. CEDAR_EEXIST: put names a uid twice. CEDAR_ECYCLE, CEDAR_ELIMIT. */
CEDAR_MUST_USE cedar_code cedar_entities_update(const cedar_entities *base, const cedar_entity *put,
	size_t n_put, const cedar_uid *removed, size_t n_removed, cedar_entities **ret,
	cedar_error *err);
/* CEDAR_ESCHEMA: the first entity that is not what the schema says. */
CEDAR_MUST_USE cedar_code cedar_schema_check_entities(
	const cedar_schema *s, const cedar_entities *es, cedar_error *err);
void cedar_entities_free(cedar_entities *es);
size_t cedar_entities_count(const cedar_entities *es);
const cedar_entity *cedar_entities_at(const cedar_entities *es, size_t i);
const cedar_entity *cedar_entities_find(
	const cedar_entities *es, const cedar_uid *uid); /* NULL: not there */
/* a in b: the same, or b is an ancestor of a. */
bool cedar_entities_in(const cedar_entities *es, const cedar_uid *a, const cedar_uid *b);

/* ---- requests and answers
 * ------------------------------------------------------------------------------------------ */

typedef struct cedar_request {
	cedar_uid principal, action, resource;
	cedar_value context; /* a record, or kind 0: empty */
	/* Entities that hold for this request alone and hide those of the set with the same uid;
	 * their parents must be in the set. NULL: none. */
	const cedar_entity *overlay;
	size_t n_overlay;
} cedar_request;
/* {"principal":…,"action":…,"resource":…,"context":{…}}; uids as "User::\"a\"" or {"type","id"}.
 * Built in s. */
CEDAR_MUST_USE cedar_code cedar_request_parse_json(
	cedar_scratch *s, cedar_str json, cedar_request *ret, cedar_error *err);
/* The same directed by a schema, which the request must fit (else CEDAR_ESCHEMA). */
CEDAR_MUST_USE cedar_code cedar_request_parse_json_with(cedar_scratch *s, cedar_str json,
	const cedar_schema *schema, cedar_request *ret, cedar_error *err);
/* The context alone, directed by what the schema says of the action; not checked. */
CEDAR_MUST_USE cedar_code cedar_context_parse_json_with(cedar_scratch *s, cedar_str json,
	const cedar_schema *schema, const cedar_uid *action, cedar_value *ret, cedar_error *err);
CEDAR_MUST_USE cedar_code cedar_schema_check_request(
	const cedar_schema *s, const cedar_request *rq, cedar_error *err);
/* Type::"id" as policies write it. */
CEDAR_MUST_USE cedar_code cedar_uid_parse(
	cedar_scratch *s, cedar_str text, cedar_uid *ret, cedar_error *err);

typedef enum cedar_decision {
	CEDAR_DECISION_UNSET = 0,
	CEDAR_DENY = 0x5a,
	CEDAR_ALLOW = 0xa5
} cedar_decision;
typedef struct cedar_failure {
	uint32_t policy; /* index */
	cedar_str message;
} cedar_failure;
/* All that is so, whatever the decision: nothing is left out because something else decided
 * already. In scratch. */
typedef struct cedar_answer {
	cedar_decision decision;
	const uint32_t *permits; /* indexes of satisfied permits, ascending */
	size_t n_permits;
	const uint32_t *forbids;
	size_t n_forbids;
	const cedar_failure *errors;
	size_t n_errors;
	bool is_incomplete; /* memory ran out: decision is CEDAR_DENY and the lists are cut */
} cedar_answer;
void cedar_authorize(const cedar_policies *ps, const cedar_entities *es, const cedar_request *rq,
	cedar_scratch *s, cedar_answer *ret);
/* Whether the text is one expression. */
CEDAR_MUST_USE cedar_code cedar_expression_check(cedar_str expression, cedar_error *err);
/* Evaluates one expression. For tests and tools. */
CEDAR_MUST_USE cedar_code cedar_eval_text(cedar_str expression, const cedar_entities *es,
	const cedar_request *rq, cedar_scratch *s, cedar_value *ret, cedar_error *err);

/* ---- batch and search
 * --------------------------------------------------------------------------------------
 */

typedef enum cedar_var { CEDAR_PRINCIPAL = 1, CEDAR_ACTION, CEDAR_RESOURCE } cedar_var;
/* A request with one part open: one principal and many resources, or the question who may. All that
 * does not depend on the open part is worked out when it is made; each candidate then costs only
 * what does. */
typedef struct cedar_partial cedar_partial;
/* ps, es and all that rq names must live as long; what rq has in the open place is not looked at.
 */
CEDAR_MUST_USE cedar_code cedar_partial_new(const cedar_policies *ps, const cedar_entities *es,
	const cedar_request *rq, cedar_var open, cedar_partial **ret, cedar_error *err);
void cedar_partial_free(cedar_partial *p);
/* Policies that can still be satisfied, or fail, for some candidate. */
size_t cedar_partial_left(const cedar_partial *p);
/* What cedar_authorize answers with uid in the open place. Any thread, each with its own scratch.
 */
void cedar_partial_answer(
	const cedar_partial *p, const cedar_uid *uid, cedar_scratch *s, cedar_answer *ret);
/* The entities of the set that would be allowed in the open place, at most max, in the order of
 * cedar_entities_at: uids into ret, which has room for max. type.p == NULL: of any type. *at: where
 * to begin, and afterwards where to go on; the count of entities when all were looked at. s is
 * cleared. */
CEDAR_MUST_USE cedar_code cedar_search(const cedar_partial *p, cedar_str type, size_t *at,
	const cedar_uid **ret, size_t max, size_t *ret_n, cedar_scratch *s, cedar_error *err);

/* ---- why
 * ---------------------------------------------------------------------------------------------------
 */

typedef enum cedar_outcome {
	CEDAR_NOT_REACHED = 1, /* what stood before it decided */
	CEDAR_IS_FALSE,
	CEDAR_IS_TRUE,
	CEDAR_FAILED, /* its evaluation is an error */
} cedar_outcome;
/* A place in a policy's source; text points into the policy set. Unknown (all zero) in a policy
 * that was not made from text. */
typedef struct cedar_span {
	size_t offset, length;
	unsigned line, column;
	cedar_str text;
} cedar_span;
/* A part of a condition that counted, and what it came to. */
typedef struct cedar_finding {
	cedar_span at;
	unsigned depth; /* 0: the condition itself; parts follow what they are part of */
	cedar_value value; /* kind 0: it failed */
} cedar_finding;
/* when {…} or unless {…} */
typedef struct cedar_clause {
	cedar_span at; /* of the expression */
	bool is_unless;
	cedar_outcome outcome; /* of the clause: an unless is true when its expression is false */
	cedar_str message; /* CEDAR_FAILED: why */
	const cedar_finding *findings;
	size_t n_findings;
} cedar_clause;
typedef struct cedar_policy_trace {
	uint32_t policy; /* index */
	cedar_outcome outcome;
	const cedar_clause *clauses;
	size_t n_clauses;
} cedar_policy_trace;

typedef enum cedar_change_kind {
	CEDAR_CHANGE_SET = 1, /* the attribute gets a value; see bound */
	CEDAR_CHANGE_UNSET, /* the attribute goes */
	CEDAR_CHANGE_ADD, /* the set in the attribute gains the value */
	CEDAR_CHANGE_DROP, /* … loses it */
	CEDAR_CHANGE_JOIN, /* the entity becomes a member of the entity in value */
	CEDAR_CHANGE_LEAVE, /* … is no longer one, directly or through others */
	CEDAR_CHANGE_WAIVE, /* the forbid is set aside: by approval, say */
} cedar_change_kind;
typedef enum cedar_bound {
	CEDAR_EXACTLY = 1,
	CEDAR_AT_MOST,
	CEDAR_AT_LEAST,
	CEDAR_OTHER_THAN, /* than what it is; value is one that would do */
	CEDAR_ANY_LIKE, /* value is one that would do */
} cedar_bound;
typedef struct cedar_change {
	cedar_change_kind kind;
	uint32_t policy; /* index: what the change is for */
	const cedar_uid *entity; /* whose; NULL: the context's (and in a waiver) */
	const cedar_str *path; /* names from the entity's or context's record inwards */
	size_t n_path;
	bool is_tag; /* path[0] names a tag */
	cedar_bound bound; /* CEDAR_CHANGE_SET */
	cedar_value value;
	cedar_str text; /* the same for people: "resource.amount at most 100" */
} cedar_change;
/* Changes that together turn the decision round. Tried: with them the request was answered anew. */
typedef struct cedar_flip {
	const cedar_change *changes;
	size_t n_changes;
} cedar_flip;
typedef struct cedar_explanation {
	cedar_answer answer;
	/* Policies whose scope fits the request, ascending. */
	const cedar_policy_trace *policies;
	size_t n_policies;
	/* Ways to the other decision, fewest changes first, at most 8; none where none could be
	 * computed. Identity is never changed: another principal, action or resource is another
	 * request. */
	const cedar_flip *flips;
	size_t n_flips;
} cedar_explanation;
/* Answers as cedar_authorize does and says why. All in scratch. CEDAR_ELIMIT: memory. Far slower
 * than an answer alone: for people, after the fact. */
CEDAR_MUST_USE cedar_code cedar_explain(const cedar_policies *ps, const cedar_entities *es,
	const cedar_request *rq, cedar_scratch *s, cedar_explanation *ret, cedar_error *err);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
