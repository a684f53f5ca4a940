/* The policies that mattered to a decision, condition by condition, and what would have turned it
 * round. */
#include <stdio.h>

#include "gate/explain_int.h"

enum { SHOWN_MAX = 64, VALUE_MAX = 2000 };
static const char *const OUTCOMES[] = { "?", "not reached", "false", "true", "error" };

static struct rv_str str(cedar_str s)
{
	return rv_str_n(s.p, s.n);
}

static void put_value(struct explain *e, const cedar_value *v)
{
	char buf[VALUE_MAX];
	if (v->kind == 0 || !e->ask->shows_values)
		return;
	size_t n = cedar_value_print(v, buf, sizeof buf);
	rv_json_w_kv_str(e->w, "value", rv_str_n(buf, n < sizeof buf ? n : sizeof buf - 1));
	if (n >= sizeof buf)
		rv_json_w_kv_bool(e->w, "value_is_cut", true);
}

static void put_conditions(struct explain *e, const cedar_policy_trace *t)
{
	rv_json_w_name(e->w, "conditions");
	rv_json_w_arr(e->w);
	for (size_t i = 0; i < t->n_clauses; i++) {
		const cedar_clause *c = &t->clauses[i];
		rv_json_w_obj(e->w);
		rv_json_w_kv_strz(e->w, "kind", c->is_unless ? "unless" : "when");
		rv_json_w_kv_strz(e->w, "outcome", OUTCOMES[c->outcome]);
		rv_json_w_kv_str(e->w, "text", str(c->at.text));
		if (c->outcome == CEDAR_FAILED)
			rv_json_w_kv_str(e->w, "error", str(c->message));
		rv_json_w_name(e->w, "parts");
		rv_json_w_arr(e->w);
		for (size_t k = 0; k < c->n_findings; k++) {
			rv_json_w_obj(e->w);
			rv_json_w_kv_i64(e->w, "depth", c->findings[k].depth);
			rv_json_w_kv_str(e->w, "text", str(c->findings[k].at.text));
			put_value(e, &c->findings[k].value);
			rv_json_w_obj_end(e->w);
		}
		rv_json_w_arr_end(e->w);
		rv_json_w_obj_end(e->w);
	}
	rv_json_w_arr_end(e->w);
}

static const struct rv_set_file *file_of(const struct explain *e, size_t policy)
{
	for (size_t i = 0; i < e->set.n_files; i++)
		if (policy >= e->set.files[i].first &&
			policy < e->set.files[i].first + e->set.files[i].n)
			return &e->set.files[i];
	return NULL;
}

static void put_file(struct explain *e, size_t policy)
{
	const struct rv_set_file *f = file_of(e, policy);
	struct rv_db_policy_version v;
	char when[RV_TIME_SIZE];
	if (!f)
		return;
	rv_json_w_kv_str(e->w, "file", f->name);
	rv_json_w_kv_i64(e->w, "version", f->version);
	if (f->version == 0 || rv_policy_get(e->op, f->name, f->version, &v, NULL) != RV_OK)
		return; /* then nobody can be named */
	rv_json_w_kv_str(e->w, "written_by", v.author);
	rv_json_w_kv_str(e->w, "published_by", v.decided_by);
	if (v.decided_ns > 0)
		rv_json_w_kv_strz(e->w, "published", rv_time_format(v.decided_ns, when));
}

static void put_waiver(struct explain *e, const struct rv_policy_note *n)
{
	if (n->n_groups == 0)
		return;
	rv_json_w_name(e->w, "approval");
	rv_json_w_obj(e->w);
	rv_json_w_kv_i64(e->w, "quorum", n->quorum);
	rv_json_w_name(e->w, "groups");
	rv_json_w_arr(e->w);
	for (size_t i = 0; i < n->n_groups; i++)
		rv_json_w_str(e->w, n->groups[i]);
	rv_json_w_arr_end(e->w);
	rv_json_w_obj_end(e->w);
}

static void put_policy(struct explain *e, const cedar_policy_trace *t)
{
	const cedar_policy_info *info = cedar_policy_at(e->set.policies, t->policy);
	const struct rv_policy_note *n = &e->set.notes[t->policy];
	rv_json_w_obj(e->w);
	rv_json_w_kv_str(e->w, "id", n->id);
	rv_json_w_kv_strz(e->w, "effect", n->is_forbid ? "forbid" : "permit");
	rv_json_w_kv_strz(e->w, "applies",
		t->outcome == CEDAR_IS_TRUE	     ? "yes"
			: t->outcome == CEDAR_FAILED ? "error"
						     : "no");
	if (n->is_observed)
		rv_json_w_kv_bool(e->w, "observed_only", true);
	if (n->reason.n > 0)
		rv_json_w_kv_str(e->w, "reason", n->reason);
	put_waiver(e, n);
	put_file(e, t->policy);
	rv_json_w_kv_str(e->w, "text", str(info->text));
	put_conditions(e, t);
	rv_json_w_obj_end(e->w);
}

enum rv_code explain_policies(struct explain *e, struct rv_err *err)
{
	size_t shown = 0, total = cedar_policies_count(e->set.policies);
	rv_json_w_name(e->w, "policies");
	rv_json_w_arr(e->w);
	/* Those that applied or failed first; of the others as many as there is room for. */
	for (int others = 0; others < 2; others++)
		for (size_t i = 0; i < e->why.n_policies; i++) {
			const cedar_policy_trace *t = &e->why.policies[i];
			bool spoke = t->outcome == CEDAR_IS_TRUE || t->outcome == CEDAR_FAILED;
			if (spoke == (others == 1) || (others == 1 && shown >= SHOWN_MAX))
				continue;
			put_policy(e, t);
			shown++;
		}
	rv_json_w_arr_end(e->w);
	rv_json_w_kv_i64(e->w, "others", (int64_t)(total - shown));
	return rv_buf_ok(e->w->out, err);
}

void explain_flips(struct explain *e)
{
	if (!e->ask->shows_values)
		return; /* what would have to change tells what is */
	rv_json_w_name(e->w, "flips");
	rv_json_w_arr(e->w);
	for (size_t i = 0; i < e->why.n_flips; i++) {
		const cedar_flip *f = &e->why.flips[i];
		rv_json_w_arr(e->w);
		for (size_t k = 0; k < f->n_changes; k++) {
			rv_json_w_obj(e->w);
			rv_json_w_kv_str(e->w, "policy", e->set.notes[f->changes[k].policy].id);
			rv_json_w_kv_bool(e->w, "waives", f->changes[k].kind == CEDAR_CHANGE_WAIVE);
			rv_json_w_kv_str(e->w, "text", str(f->changes[k].text));
			rv_json_w_obj_end(e->w);
		}
		rv_json_w_arr_end(e->w);
	}
	rv_json_w_arr_end(e->w);
}
