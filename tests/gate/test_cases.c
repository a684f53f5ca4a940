/* Decisions as text: tests/gate, files that end in .txt, one company for each case (lab.c). A case
 * is a list of steps, done in order; a step is "word: rest", and rest may go on over lines that do
 * not begin with a word.
 *
 *     case: NAME                 what it shows
 *     policy: CEDAR              published as the file "case" by two people
 *     world: YAML                applied by gus, approved by ada
 *     as: POINT | self | system:NAME        who asks from here on (at first: gw)
 *     request: SYSTEM ACTION TYPE:ID [PROPERTIES] [CONTEXT]     $approval, $digest: of the last
 * answer same-id: ID                the next requests carry this request id ("-": none) do: VERB …
 * see verbs[] want: allow | hold [by GROUPS] | deny REASON | error CODE TEXT    about the last
 * request ok | refused CODE TEXT                                      about the last do or policy
 *     says: TEXT                 the last answer (or refusal) holds this
 *     silent: TEXT               ... does not hold this
 *     log: KIND TEXT             a record of this kind holds this text
 *     no-log: KIND TEXT          none does (nothing after KIND: there is none at all)
 *     FAIL: LINE:COLUMN TEXT     what the last policy was refused with, exactly */
#include <stdio.h>

#include "base/file.h"
#include "gate/explain.h"
#include "tests/gate/cases.h"

enum { TEXT_SIZE = 1 << 15 };

/* ---- requests ---- */

/* A JSON object at the start of *rest. */
static const char *json_word(struct runner *r, struct rv_str *rest)
{
	*rest = rv_str_trim(*rest);
	if (rest->n == 0 || rest->p[0] != '{')
		return NULL;
	int depth = 0;
	bool quoted = false;
	for (size_t i = 0; i < rest->n; i++) {
		char c = rest->p[i];
		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && (c == '{' || c == '['))
			depth++;
		else if (!quoted && (c == '}' || c == ']') && --depth == 0) {
			const char *s = cases_z(r, rv_str_sub(*rest, 0, i + 1));
			*rest = rv_str_sub(*rest, i + 1, rest->n);
			return s;
		}
	}
	cases_fail(r, "an object without an end");
	return NULL;
}

static struct rv_str expand(struct runner *r, struct rv_str s)
{
	RV_AUTO_BUF b;
	rv_buf_init(&b, TEXT_SIZE);
	for (size_t i = 0; i < s.n;) {
		struct rv_str rest = rv_str_sub(s, i, s.n);
		if (rv_str_starts(rest, RV_STR("$approval"))) {
			rv_buf_addz(&b, r->approval);
			i += 9;
		} else if (rv_str_starts(rest, RV_STR("$digest"))) {
			rv_buf_addz(&b, r->digest);
			i += 7;
		} else {
			rv_buf_addc(&b, s.p[i++]);
		}
	}
	return rv_arena_str(&r->arena, rv_buf_str(&b));
}

static enum rv_code explain(struct runner *r, struct rv_op *op, struct rv_buf *out)
{
	struct rv_ledger_entry e;
	struct rv_err *err = &r->lab.f.err;
	const struct rv_json *event;
	struct rv_json_w w;
	uint64_t seq;
	RV_TRY(rv_ledger_find(r->lab.f.ledger, rv_str_of(r->answer.id), &seq, err));
	RV_TRY(rv_ledger_read(r->lab.f.ledger, op->arena, seq, &e, err));
	RV_TRY(rv_json_parse(op->arena, e.event, NULL, &event, err));
	const struct rv_explain_ask ask = { .entry = &e, .event = event, .shows_values = true };
	rv_json_w_init(&w, out);
	rv_json_w_obj(&w);
	RV_TRY(rv_gate_explain(r->lab.gate, op, &ask, &w, err));
	rv_json_w_obj_end(&w);
	return rv_buf_ok(out, err);
}

/* Whatever was decided in these files comes out the same when it is decided again from what was
 * kept. */
static void check_explains(struct runner *r)
{
	RV_AUTO_BUF b;
	rv_buf_init(&b, 4 << 20);
	if (r->answer.code != RV_OK || !r->answer.id[0])
		return;
	struct rv_op *op = as(&r->lab.f, "gus");
	enum rv_code code = end(&r->lab.f, explain(r, op, &b));
	if (code != RV_OK)
		cases_fail(r, "explain: %s", r->lab.f.err.msg);
	else if (memmem(b.p, b.n, "\"agrees\":false", 14))
		cases_fail(r, "explain does not agree: %s %.1500s", r->answer.text, rv_buf_z(&b));
}

static void step_request(struct runner *r, struct rv_str rest)
{
	rest = expand(r, rest);
	struct lab_question q = { .asker = r->asker };
	q.system = cases_z(r, cases_word(&rest));
	q.action = cases_z(r, cases_word(&rest));
	struct rv_str resource = cases_word(&rest);
	/* "Acme::Service:shop": the last colon divides. */
	size_t colon = resource.n;
	while (colon > 0 && resource.p[colon - 1] != ':')
		colon--;
	if (colon == 0) {
		cases_fail(r, "a resource is TYPE:ID");
		return;
	}
	q.type = cases_z(r, rv_str_sub(resource, 0, colon - 1));
	q.id = cases_z(r, rv_str_sub(resource, colon, resource.n));
	q.props = json_word(r, &rest);
	q.context = json_word(r, &rest);
	if (r->request_id[0])
		q.request_id = r->request_id;
	lab_ask(&r->lab, &q, &r->answer);
	r->has_answer = true;
	if (r->answer.approval[0])
		snprintf(r->approval, sizeof r->approval, "%s", r->answer.approval);
	if (r->answer.digest[0])
		snprintf(r->digest, sizeof r->digest, "%s", r->answer.digest);
	check_explains(r);
}

static void step_policy(struct runner *r, struct rv_str rest)
{
	r->code = lab_publish(&r->lab, cases_z(r, rest));
	r->has_answer = false;
}

static void step_world(struct runner *r, struct rv_str rest)
{
	r->code = lab_apply(&r->lab, cases_z(r, rest));
	r->has_answer = false;
}

/* ---- what is wanted ---- */

static bool holds(const char *text, struct rv_str part)
{
	return part.n == 0 || memmem(text, strlen(text), part.p, part.n) != NULL;
}

/* "eaudit" of RV_EAUDIT */
static bool is_code(enum rv_code code, struct rv_str name)
{
	return rv_str_ieq(rv_str_of(rv_code_name(code) + 3), name);
}

static void want_refusal(struct runner *r, struct rv_str rest, enum rv_code code, const char *msg)
{
	struct rv_str name = cases_word(&rest), text = rv_str_trim(rest);
	if (!is_code(code, name) || !holds(msg, text))
		cases_fail(r, "want %.*s '%.*s', got %s: %s", RV_FMT(name), RV_FMT(text),
			rv_code_name(code), msg);
}

/* "hold by a,b": the groups of the answer, in order. */
static void want_groups(struct runner *r, struct rv_str groups)
{
	char want[300] = "\"groups\":[";
	size_t n = strlen(want);
	struct rv_str g;
	for (bool first = true; rv_str_split(&groups, ',', &g); first = false)
		n += (size_t)snprintf(
			want + n, sizeof want - n, "%s\"%.*s\"", first ? "" : ",", RV_FMT(g));
	snprintf(want + n, sizeof want - n, "]");
	if (!strstr(r->answer.text, want))
		cases_fail(r, "want %s in %s", want, r->answer.text);
}

static void want_answer(struct runner *r, struct rv_str kind, struct rv_str rest)
{
	const char *got = r->answer.code == RV_OK ? rv_outcome_name(r->answer.outcome) : "error";
	if (!r->has_answer) {
		cases_fail(r, "no request before this");
	} else if (!rv_str_eqz(kind, got)) {
		cases_fail(r, "want %.*s, got %s %s%s", RV_FMT(kind), got, r->answer.text,
			r->answer.msg);
	} else if (rv_str_eqz(kind, "error")) {
		want_refusal(r, rest, r->answer.code, r->answer.msg);
	} else if (rv_str_eqz(kind, "deny")) {
		rest = rv_str_trim(rest);
		if (!rv_str_eqz(rest, r->answer.first))
			cases_fail(r, "want deny %.*s, got %s", RV_FMT(rest), r->answer.text);
	} else if (rv_str_eqz(kind, "hold") && rv_str_eqz(cases_word(&rest), "by")) {
		want_groups(r, rv_str_trim(rest));
	}
}

static void step_want(struct runner *r, struct rv_str rest)
{
	struct rv_str kind = cases_word(&rest);
	bool is_ok = rv_str_eqz(kind, "ok"), is_refused = rv_str_eqz(kind, "refused");
	if (!is_ok && !is_refused) {
		want_answer(r, kind, rest);
		return;
	}
	if (r->has_answer)
		cases_fail(r, "the last thing was a request");
	else if (is_refused)
		want_refusal(r, rest, r->code, r->lab.f.err.msg);
	else if (r->code != RV_OK)
		cases_fail(r, "want ok, got %s: %s (%s:%u)", rv_code_name(r->code),
			r->lab.f.err.msg, r->lab.f.err.where, r->lab.f.err.line);
}

static void step_says(struct runner *r, struct rv_str rest, bool wanted)
{
	const char *text = !r->has_answer ? r->lab.f.err.msg
		: r->answer.code != RV_OK ? r->answer.msg
					  : r->answer.text;
	rest = expand(r, rest);
	if (holds(text, rest) != wanted)
		cases_fail(
			r, "%s '%.*s' in: %s", wanted ? "want" : "do not want", RV_FMT(rest), text);
}

static void step_log(struct runner *r, struct rv_str rest, bool wanted)
{
	rest = expand(r, rest);
	const char *kind = cases_z(r, cases_word(&rest)), *text = cases_z(r, rv_str_trim(rest));
	size_t n = lab_logged(&r->lab, kind, text);
	if ((n > 0) != wanted)
		cases_fail(r, "%zu records of %s hold '%s'", n, kind, text);
}

static void step_fail(struct runner *r, struct rv_str rest)
{
	char got[900];
	const struct rv_err *e = &r->lab.f.err;
	snprintf(got, sizeof got, "%u:%u %s", e->line, e->col, e->msg);
	if (r->code == RV_OK || !rv_str_eqz(rest, got))
		cases_fail(r, "want '%.*s', got %s '%s'", RV_FMT(rest), rv_code_name(r->code), got);
}

/* ---- the file ---- */

static void step(struct runner *r, struct rv_str what, struct rv_str rest)
{
	if (rv_str_eqz(what, "policy"))
		step_policy(r, rest);
	else if (rv_str_eqz(what, "world"))
		step_world(r, rest);
	else if (rv_str_eqz(what, "as"))
		snprintf(r->asker, sizeof r->asker, "%.*s", RV_FMT(rest));
	else if (rv_str_eqz(what, "same-id"))
		snprintf(r->request_id, sizeof r->request_id, "%.*s",
			rv_str_eqz(rest, "-") ? 0 : (int)rest.n, rest.p);
	else if (rv_str_eqz(what, "request"))
		step_request(r, rest);
	else if (rv_str_eqz(what, "do"))
		cases_do(r, rest);
	else if (rv_str_eqz(what, "want"))
		step_want(r, rest);
	else if (rv_str_eqz(what, "says") || rv_str_eqz(what, "silent"))
		step_says(r, rest, rv_str_eqz(what, "says"));
	else if (rv_str_eqz(what, "log") || rv_str_eqz(what, "no-log"))
		step_log(r, rest, rv_str_eqz(what, "log"));
	else if (rv_str_eqz(what, "FAIL"))
		step_fail(r, rest);
	else
		cases_fail(r, "no step '%.*s'", RV_FMT(what));
}

/* "word: " at the start of a line. */
static bool is_step(struct rv_str line, size_t *ret_n)
{
	static const char *const words[] = { "case", "policy", "world", "as", "same-id", "request",
		"do", "want", "says", "silent", "log", "no-log", "FAIL" };
	for (size_t i = 0; i < RV_COUNT(words); i++) {
		size_t n = strlen(words[i]);
		if (line.n > n && memcmp(line.p, words[i], n) == 0 && line.p[n] == ':' &&
			(line.n == n + 1 || line.p[n + 1] == ' ')) {
			*ret_n = n;
			return true;
		}
	}
	return false;
}

static void end_case(struct runner *r)
{
	if (r->name.n > 0)
		lab_done(&r->lab);
	rv_arena_clear(&r->arena);
	r->name = RV_STR("");
}

static void begin_case(struct runner *r, struct rv_str name)
{
	end_case(r);
	memset(&r->lab, 0, sizeof r->lab);
	memset(&r->answer, 0, sizeof r->answer);
	snprintf(r->asker, sizeof r->asker, "gw");
	r->request_id[0] = r->approval[0] = r->digest[0] = '\0';
	r->has_answer = false;
	r->code = RV_OK;
	r->name = name;
	lab_open(&r->lab);
}

static void run_text(struct runner *r, struct rv_str text)
{
	struct rv_str rest = text, line, what = RV_STR(""), body = RV_STR("");
	unsigned at = 0;
	bool more = true;
	while (more) {
		size_t n = 0;
		more = rv_str_split(&rest, '\n', &line);
		at++;
		bool begins = !more || is_step(line, &n);
		if (!begins && what.n > 0) {
			body.n = (size_t)(line.p + line.n - body.p);
			continue;
		}
		if (begins && what.n > 0)
			step(r, what, rv_str_trim(body));
		if (!begins || !more)
			continue;
		what = rv_str_sub(line, 0, n);
		body = rv_str_sub(line, n + 1, line.n);
		r->line = at;
		if (rv_str_eqz(what, "case")) {
			begin_case(r, rv_str_trim(body));
			what = RV_STR("");
		}
	}
	end_case(r);
}

static void run_file(const char *name)
{
	static struct runner r;
	struct rv_arena text_arena;
	struct rv_str text;
	struct rv_err err = { 0 };
	char path[2000];
	const char *root = getenv("RV_SOURCE");
	rv_arena_init(&r.arena, 1 << 24);
	rv_arena_init(&text_arena, 1 << 24);
	snprintf(path, sizeof path, "%s/tests/gate/%s", root ? root : ".", name);
	r.file = name;
	if (rv_file_read(&text_arena, path, 1 << 22, &text, &err) == RV_OK)
		run_text(&r, text);
	else
		test_fail(__FILE__, __LINE__, "%s", err.msg);
	rv_arena_done(&text_arena);
	rv_arena_done(&r.arena);
}

TEST(caller)
{
	run_file("caller.txt");
}

TEST(facts)
{
	run_file("facts.txt");
}

TEST(policy)
{
	run_file("policy.txt");
}

TEST(publish)
{
	run_file("publish.txt");
}

TEST(approval)
{
	run_file("approval.txt");
}

TEST(limits)
{
	run_file("limits.txt");
}

int main(int argc, char **argv)
{
	int status = test_main(argc, argv);
	lab_end();
	return status;
}
