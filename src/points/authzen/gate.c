/* AuthZEN in front of the gate: who asks is found in the snapshot, each item is one decision. */
#include <stdio.h>

#include "gate/gate.h"
#include "points/authzen/serve_gate.h"

struct caller {
	struct rv_actor actor;
	struct rv_str subject_token, trace;
};

static struct rv_str bearer(struct rv_str h)
{
	if (h.n < 8 || !rv_str_ieq(rv_str_sub(h, 0, 7), RV_STR("bearer ")))
		return (struct rv_str){ NULL, 0 };
	return rv_str_trim(rv_str_sub(h, 7, h.n));
}

/* No decision, no record of its own: a stranger cannot fill the log. */
static void count_knock(struct rv_gov *gov, const struct rv_http_req *r)
{
	char source[80];
	const struct rv_http_peer *p = rv_http_peer(r);
	if (p->is_unix)
		snprintf(source, sizeof source, "unix user %lu", (unsigned long)p->uid);
	else
		snprintf(source, sizeof source, "%s", p->address);
	rv_knock(gov, RV_KNOCK_CREDENTIAL, rv_str_of(source), RV_STR(""));
}

static enum rv_code admit(void *self, struct rv_http_req *r, void **ret_caller, struct rv_err *err)
{
	struct rv_authzen_gate *g = self;
	struct rv_arena *a = rv_http_arena(r);
	struct caller *c = rv_arena_alloc(a, sizeof *c);
	if (!c)
		return RV_FAIL_ARENA(err);
	const struct rv_snapshot *snap = rv_snapshot_get(g->gov);
	struct rv_str token = bearer(rv_http_header(r, "Authorization"));
	const struct rv_snap_credential *cred =
		token.n > 0 ? rv_snap_token(snap, token, rv_gov_now(g->gov)) : NULL;
	bool is_person = cred && cred->kind == RV_CRED_SESSION;
	if (cred && !is_person) {
		c->actor.type = cred->kind == RV_CRED_SYSTEM ? RV_ACTOR_SYSTEM : RV_ACTOR_POINT;
		c->actor.id = rv_arena_str(a, cred->subject);
	}
	rv_snapshot_unref(snap);
	if (is_person)
		return RV_FAIL(err, RV_EPERM,
			"people do not ask for decisions; use a system's or an enforcement point's "
			"credential");
	if (!cred)
		count_knock(g->gov, r);
	if (!cred)
		return RV_FAIL(err, RV_EAUTH,
			"no valid credential; send 'Authorization: Bearer …' of a registered "
			"system or point");
	if (!c->actor.id.p)
		return RV_FAIL_ARENA(err);
	c->subject_token = rv_http_header(r, "Reeve-Subject-Token");
	c->trace = rv_http_header(r, "traceparent");
	*ret_caller = c;
	return RV_OK;
}

static void decided(void *arg, const struct rv_gate_answer *ans)
{
	struct rv_authzen_ask *ask = arg;
	if (ans->code != RV_OK) {
		rv_authzen_fail(ask, &ans->err);
		return;
	}
	char mem[4096];
	RV_AUTO_BUF b;
	rv_buf_init_on(&b, mem, sizeof mem, 1 << 20);
	rv_buf_addz(&b, "{\"reeve\":");
	rv_buf_add(&b, ans->reeve_json);
	rv_buf_addc(&b, '}');
	rv_authzen_done(ask, ans->outcome == RV_ALLOW, rv_buf_str(&b));
}

static void decide(void *self, struct rv_authzen_ask *ask)
{
	struct rv_authzen_gate *g = self;
	struct rv_http_req *r = rv_authzen_ask_req(ask);
	const struct rv_authzen_item *it = rv_authzen_ask_item(ask);
	const struct caller *c = rv_authzen_ask_caller(ask);
	struct rv_arena *a = rv_http_arena(r);
	struct rv_gate_ask *q = rv_arena_alloc(a, sizeof *q);
	struct rv_err err = { 0 };
	if (!q) {
		(void)RV_FAIL_ARENA(&err); /* told below */
		rv_authzen_fail(ask, &err);
		return;
	}
	*q = (struct rv_gate_ask){
		.caller = c->actor,
		.subject_token = c->subject_token,
		.subject_type = it->subject.type,
		.subject_id = it->subject.id,
		.action = it->action,
		.action_properties = it->action_properties,
		.resource_type = it->resource.type,
		.resource_id = it->resource.id,
		.resource_properties = it->resource.properties,
		.context = it->context,
		.trace = c->trace,
	};
	/* The id of the HTTP request names a batch as a whole; its items are told apart by their
	 * place. */
	struct rv_str id = rv_http_request_id(r);
	if (id.n > 0) {
		const char *text =
			rv_arena_printf(a, "%.*s#%zu", RV_FMT(id), rv_authzen_ask_index(ask));
		q->request_id = text ? rv_str_of(text) : id;
	}
	rv_gate_decide(g->gate, a, q, decided, ask);
}

const struct rv_authzen_ops rv_authzen_gate_ops = {
	.name = "gate", .admit = admit, .decide = decide
};
