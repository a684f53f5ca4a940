/* The facts a decision was made on, in Cedar's own JSON: kept beside the event, so that explain
 * sees them as they were. */
#include <arpa/inet.h>
#include <stdio.h>

#include "gate/gate_int.h"

static struct rv_str str(cedar_str s)
{
	return rv_str_n(s.p, s.n);
}

static void put_uid(struct rv_json_w *w, const cedar_uid *u)
{
	rv_json_w_obj(w);
	rv_json_w_kv_str(w, "type", str(u->type));
	rv_json_w_kv_str(w, "id", str(u->id));
	rv_json_w_obj_end(w);
}

/* decimal("1.5") and the like, from Cedar's own spelling: fn and argument stand in it. */
static void put_extension(struct rv_json_w *w, const cedar_value *v)
{
	char text[160];
	size_t n = cedar_value_print(v, text, sizeof text);
	struct rv_str s = rv_str_n(text, n < sizeof text ? n : sizeof text - 1), fn, arg;
	size_t open = rv_str_find(s, '(', 0), quote = rv_str_find(s, '"', 0);
	size_t end = quote == SIZE_MAX ? SIZE_MAX : rv_str_find(s, '"', quote + 1);
	if (end == SIZE_MAX || open == SIZE_MAX) {
		rv_json_w_null(w);
		return;
	}
	fn = rv_str_sub(s, 0, open);
	arg = rv_str_sub(s, quote + 1, end);
	rv_json_w_obj(w);
	rv_json_w_name(w, "__extn");
	rv_json_w_obj(w);
	rv_json_w_kv_str(w, "fn", fn);
	rv_json_w_kv_str(w, "arg", arg);
	rv_json_w_obj_end(w);
	rv_json_w_obj_end(w);
}

/* Depth was bounded when the value was made. */
static void put_value(struct rv_json_w *w, const cedar_value *v)
{
	switch (v->kind) {
	case CEDAR_BOOL:
		rv_json_w_bool(w, v->u.boolean);
		return;
	case CEDAR_LONG:
		rv_json_w_i64(w, v->u.integer);
		return;
	case CEDAR_STRING:
		rv_json_w_str(w, str(v->u.string));
		return;
	case CEDAR_ENTITY:
		rv_json_w_obj(w);
		rv_json_w_name(w, "__entity");
		put_uid(w, v->u.uid);
		rv_json_w_obj_end(w);
		return;
	case CEDAR_SET:
		rv_json_w_arr(w);
		for (size_t i = 0; i < cedar_set_count(v->u.set); i++)
			put_value(w, cedar_set_at(v->u.set, i));
		rv_json_w_arr_end(w);
		return;
	case CEDAR_RECORD:
		rv_json_w_obj(w);
		for (size_t i = 0; i < cedar_record_count(v->u.record); i++) {
			const cedar_pair *p = cedar_record_at(v->u.record, i);
			rv_json_w_name_str(w, str(p->key));
			put_value(w, &p->value);
		}
		rv_json_w_obj_end(w);
		return;
	default:
		put_extension(w, v);
	}
}

static void put_record(struct rv_json_w *w, const char *name, const cedar_value *v)
{
	rv_json_w_name(w, name);
	if (v->kind == CEDAR_RECORD) {
		put_value(w, v);
		return;
	}
	rv_json_w_obj(w);
	rv_json_w_obj_end(w);
}

static void put_entity(struct rv_json_w *w, const cedar_entity *e)
{
	rv_json_w_obj(w);
	rv_json_w_name(w, "uid");
	put_uid(w, &e->uid);
	put_record(w, "attrs", &e->attrs);
	put_record(w, "tags", &e->tags);
	rv_json_w_name(w, "parents");
	rv_json_w_arr(w);
	for (size_t i = 0; i < e->n_parents; i++)
		put_uid(w, &e->parents[i]);
	rv_json_w_arr_end(w);
	rv_json_w_obj_end(w);
}

/* Entities already written, so that each is written once; beyond the table further ones are left
 * out. */
struct seen {
	const cedar_uid *uids[64];
	size_t n;
};

static bool is_new(struct seen *s, const cedar_uid *u)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->uids[i]->hash == u->hash && rv_str_eq(str(s->uids[i]->id), str(u->id)) &&
			rv_str_eq(str(s->uids[i]->type), str(u->type)))
			return false;
	if (s->n == RV_COUNT(s->uids))
		return false;
	s->uids[s->n++] = u;
	return true;
}

static const cedar_entity *find(const struct rv_decision *d, const cedar_uid *u)
{
	for (size_t i = 0; i < d->rq.n_overlay; i++)
		if (d->overlay[i].uid.hash == u->hash &&
			rv_str_eq(str(d->overlay[i].uid.id), str(u->id)))
			return &d->overlay[i];
	return cedar_entities_find(rv_snap_entities(d->snap), u);
}

static void make_entity(const cedar_entity *e, struct rv_buf *out)
{
	struct rv_json_w w;
	rv_json_w_init(&w, out);
	put_entity(&w, e);
}

/* What the registry says of an entity is written once a snapshot; what was laid over it, each time.
 */
static void put_known(struct rv_json_w *w, const struct rv_decision *d, const cedar_entity *e)
{
	bool is_overlay = e >= d->overlay && e < d->overlay + RV_COUNT(d->overlay);
	struct rv_str text = { NULL, 0 };
	if (!is_overlay)
		text = rv_snap_entity_text(d->snap, e, make_entity);
	if (text.p)
		rv_json_w_raw(w, text);
	else
		put_entity(w, e);
}

/* The entity, what it is in, and the entities its attributes name. */
static void put_with_kin(struct rv_json_w *w, const struct rv_decision *d, const cedar_uid *u,
	struct seen *seen, unsigned depth)
{
	const cedar_entity *e = find(d, u);
	if (!e || depth > 8 || !is_new(seen, &e->uid))
		return;
	put_known(w, d, e);
	for (size_t i = 0; i < e->n_parents; i++)
		put_with_kin(w, d, &e->parents[i], seen, depth + 1);
	if (e->attrs.kind != CEDAR_RECORD)
		return;
	for (size_t i = 0; i < cedar_record_count(e->attrs.u.record); i++) {
		const cedar_value *v = &cedar_record_at(e->attrs.u.record, i)->value;
		if (v->kind == CEDAR_ENTITY)
			put_with_kin(w, d, v->u.uid, seen, depth + 1);
	}
}

void rv_gate_facts_json(const struct rv_decision *d, struct rv_buf *out)
{
	struct rv_json_w w;
	struct seen seen = { .n = 0 };
	const cedar_uid *const uids[] = { &d->rq.principal, &d->rq.action, &d->rq.resource };
	static const char *const names[] = { "principal", "action", "resource" };
	rv_json_w_init(&w, out);
	rv_json_w_obj(&w);
	for (size_t i = 0; i < RV_COUNT(names); i++) {
		rv_json_w_name(&w, names[i]);
		put_uid(&w, uids[i]);
	}
	put_record(&w, "context", &d->rq.context);
	rv_json_w_name(&w, "entities");
	rv_json_w_arr(&w);
	for (size_t i = 0; i < RV_COUNT(uids); i++)
		put_with_kin(&w, d, uids[i], &seen, 0);
	rv_json_w_arr_end(&w);
	rv_json_w_obj_end(&w);
}
