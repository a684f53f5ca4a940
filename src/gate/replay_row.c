/* One recorded decision, decided again. This runs a million times a question, so what was seen
 * before is not done again. Two memories serve that, each a table whose places are taken over: the
 * worlds (the entities of the facts, which many decisions share), and the verdicts, by everything
 * they follow from. Time is left out of that where no policy reads it. */
#include "gate/replay_int.h"

enum {
	SIDE_MAX = 4 << 20,
	ROW_MEMORY = 64 << 20,
	KEPT_MEMORY = 64 << 20,
	GROUPS_MAX = 20000,
	MEMOS = 1 << 15, /* a power of two */
	WORLDS = 1 << 10,
	KEYS = 256,
	WORD = 96,
};

struct verdict {
	enum rv_outcome was, now;
	char was_by[WORD], now_by[WORD]; /* what spoke first */
};
struct replay_memo {
	struct rv_sha256 key;
	struct verdict v;
};
struct replay_world {
	struct rv_str text; /* malloc'ed */
	uint64_t number; /* of this text, in this thread */
	cedar_entities *entities;
};
struct replay_key {
	struct rv_str system;
	struct rv_seal_key key;
	bool is_there;
};

/* ---- keys ---- */

static const struct replay_key *key_of(struct replay_thread *t, struct rv_str system)
{
	size_t i = 0;
	for (; i < KEYS && t->keys[i].system.n > 0; i++)
		if (rv_str_eq(t->keys[i].system, system))
			return &t->keys[i];
	if (i == KEYS)
		explicit_bzero(t->keys, KEYS * sizeof *t->keys);
	struct replay_key *k = &t->keys[i % KEYS];
	k->system = rv_arena_str(&t->kept, system);
	if (!k->system.p) {
		*k = (struct replay_key){ .is_there = false };
		return k;
	}
	k->is_there = rv_seal_key_of(t->r->gate->gov, t->r->snap, system, &k->key, NULL) == RV_OK;
	return k;
}

static bool fits(struct rv_str facts, struct rv_str want)
{
	struct rv_sha256 h;
	char hex[65];
	rv_sha256_of(facts, &h);
	rv_hex_z(h.b, sizeof h.b, hex);
	return want.n == 71 && rv_str_starts(want, RV_STR("sha256:")) &&
		memcmp(want.p + 7, hex, 64) == 0;
}

/* ---- deciding ---- */

static void keep_word(const struct rv_verdict *v, char ret[WORD])
{
	struct rv_str s = RV_STR("");
	if (v->n_reasons > 0)
		s = v->reasons[0].policy.n > 0 ? v->reasons[0].policy : v->reasons[0].code;
	s = rv_str_sub(s, 0, s.n < WORD - 1 ? s.n : WORD - 1);
	memcpy(ret, s.p ? s.p : "", s.n);
	ret[s.n] = '\0';
}

static void world_done(struct replay_world *w)
{
	cedar_entities_free(w->entities);
	free((char *)(uintptr_t)w->text.p);
	*w = (struct replay_world){ .number = 0 };
}

/* The same text, the same world; whose it probably is, the request's names tell. NULL: it is no
 * list of entities. */
static const struct replay_world *world_of(struct replay_thread *t, const struct replay_facts *f)
{
	cedar_error e = { .code = CEDAR_OK };
	uint64_t h = rv_str_hash(f->principal, rv_str_hash(f->action, rv_str_hash(f->resource, 0)));
	struct replay_world *w = &t->worlds[(h ^ h >> 32) & (WORLDS - 1)];
	if (w->entities && rv_str_eq(w->text, f->entities))
		return w;
	world_done(w);
	char *copy = malloc(f->entities.n);
	if (!copy)
		return NULL;
	memcpy(copy, f->entities.p, f->entities.n);
	w->text = rv_str_n(copy, f->entities.n);
	w->number = ++t->n_worlds;
	return cedar_entities_parse_json(rv_cs(f->entities), &w->entities, &e) == CEDAR_OK ? w
											   : NULL;
}

static bool read_request(struct replay_thread *t, const struct replay_facts *f, cedar_request *ret)
{
	const struct {
		const char *before;
		struct rv_str value;
	} parts[] = { { "{\"principal\":", f->principal }, { ",\"action\":", f->action },
		{ ",\"resource\":", f->resource }, { ",\"context\":", f->context } };
	cedar_error e = { .code = CEDAR_OK };
	rv_buf_clear(&t->request);
	for (size_t i = 0; i < RV_COUNT(parts); i++) {
		rv_buf_addz(&t->request, parts[i].before);
		rv_buf_add(&t->request, parts[i].value);
	}
	rv_buf_addc(&t->request, '}');
	return !t->request.failed &&
		cedar_request_parse_json(t->scratch, rv_cs(rv_buf_str(&t->request)), ret, &e) ==
		CEDAR_OK;
}

static bool decide(struct replay_thread *t, const struct replay_event *ev,
	const struct replay_facts *f, const cedar_entities *world, const struct rv_gate_set *then,
	struct verdict *ret)
{
	cedar_request rq;
	cedar_scratch_clear(t->scratch);
	rv_arena_clear(&t->arena);
	struct rv_judge j = {
		.scratch = t->scratch, .rq = &rq, .entities = world, .is_shadow = ev->is_shadow
	};
	if (!read_request(t, f, &rq))
		return false;
	const struct rv_gate_set *const sets[] = { then, &t->r->now };
	for (size_t i = 0; i < RV_COUNT(sets); i++) {
		j.policies = sets[i]->policies;
		j.notes = sets[i]->notes;
		rv_gate_judge(&t->arena, &j, NULL, &t->verdict);
		*(i ? &ret->now : &ret->was) = t->verdict.outcome;
		keep_word(&t->verdict, i ? ret->now_by : ret->was_by);
	}
	return true;
}

static bool remember(struct replay_thread *t, const struct replay_event *ev,
	const struct replay_facts *f, const struct rv_gate_set *then, const struct verdict **ret)
{
	struct rv_str before = f->context, behind = RV_STR("");
	struct rv_sha256 key;
	const struct replay_world *world = world_of(t, f);
	if (!world)
		return false;
	if (!then->reads_time && !t->r->now.reads_time)
		replay_around_time(f->context, &before, &behind);
	const struct rv_str parts[] = { rv_str_n(&ev->version, sizeof ev->version),
		rv_str_n(&ev->is_shadow, sizeof ev->is_shadow), f->principal, f->action,
		f->resource, before, behind, rv_str_n(&world->number, sizeof world->number) };
	rv_sha256_parts(parts, RV_COUNT(parts), &key);
	struct replay_memo *m = &t->memo[((size_t)key.b[0] << 8 | key.b[1]) & (MEMOS - 1)];
	*ret = &m->v;
	if (m->v.was != RV_OUTCOME_UNSET && rv_sha256_eq(&m->key, &key))
		return true;
	m->v.was = RV_OUTCOME_UNSET;
	if (!decide(t, ev, f, world->entities, then, &m->v)) {
		m->v.was = RV_OUTCOME_UNSET;
		return false;
	}
	m->key = key;
	return true;
}

/* ---- adding up ---- */

struct replay_group *replay_group_of(struct replay_thread *t, struct rv_str system,
	struct rv_str action, enum rv_outcome was, enum rv_outcome now)
{
	for (size_t i = 0; i < t->n_groups; i++) {
		struct replay_group *g = &t->groups[i];
		if (g->was == was && g->now == now && rv_str_eq(g->system, system) &&
			rv_str_eq(g->action, action))
			return g;
	}
	if (t->n_groups == t->cap_groups) {
		size_t cap = t->cap_groups ? t->cap_groups * 2 : 64;
		struct replay_group *more =
			cap <= GROUPS_MAX * 2 ? realloc(t->groups, cap * sizeof *more) : NULL;
		if (!more)
			return NULL;
		t->groups = more;
		t->cap_groups = cap;
	}
	struct replay_group *g = &t->groups[t->n_groups];
	*g = (struct replay_group){ .system = rv_arena_str(&t->kept, system),
		.action = rv_arena_str(&t->kept, action),
		.was = was,
		.now = now };
	if (!g->system.p || !g->action.p)
		return NULL;
	t->n_groups++;
	return g;
}

static size_t index_of(enum rv_outcome o)
{
	return o == RV_ALLOW ? 0 : o == RV_HOLD ? 1 : 2;
}

static enum rv_code add(struct replay_thread *t, const struct rv_ledger_entry *e,
	const struct replay_event *ev, const struct verdict *v, struct rv_err *err)
{
	size_t max = t->r->ask->examples > 0 ? (size_t)t->r->ask->examples : 3;
	t->counts.decided++;
	t->counts.table[index_of(v->was)][index_of(v->now)]++;
	if (v->was == v->now)
		return RV_OK;
	t->counts.changed++;
	struct replay_group *g = replay_group_of(t, ev->system, ev->action, v->was, v->now);
	if (!g)
		return RV_FAIL(err, RV_ELIMIT, "too many sorts of change to list");
	g->n++;
	if (g->n_examples >= max || g->n_examples == REPLAY_EXAMPLES_MAX)
		return RV_OK;
	struct replay_example *x = &g->examples[g->n_examples];
	*x = (struct replay_example){ .seq = e->seq,
		.id = rv_arena_str(&t->kept, ev->id),
		.resource = rv_arena_str(&t->kept, ev->resource),
		.was = rv_arena_str(&t->kept, rv_str_of(v->was_by)),
		.now = rv_arena_str(&t->kept, rv_str_of(v->now_by)) };
	if (!x->id.p || !x->resource.p || !x->was.p || !x->now.p)
		return RV_FAIL(err, RV_ELIMIT, "too many examples to list");
	g->n_examples++;
	return RV_OK;
}

enum rv_code replay_row(
	struct replay_thread *t, const struct rv_ledger_entry *e, struct rv_err *err)
{
	struct replay_event ev;
	struct replay_facts f;
	const struct verdict *v;
	replay_read_event(e->event, &ev);
	if (!rv_str_eqz(ev.kind, "decision") ||
		(t->r->ask->system.n > 0 && !rv_str_eq(ev.system, t->r->ask->system)))
		return RV_OK;
	t->counts.decisions++;
	if (ev.snapshot.n == 0) {
		t->counts.before_policy++;
		return RV_OK;
	}
	const struct replay_key *k = key_of(t, ev.system);
	if (!t->then || t->then_version != ev.version)
		t->then = replay_set_of(t->r, ev.version);
	t->then_version = ev.version;
	rv_buf_clear(&t->clear);
	if (!k->is_there || !t->then || e->side.n == 0) {
		t->counts.unreadable++;
		return RV_OK;
	}
	if (rv_unseal(&k->key, e->side, ev.system, &t->clear, NULL) != RV_OK ||
		!replay_read_facts(rv_buf_str(&t->clear), &f) || !fits(f.all, ev.snapshot) ||
		!remember(t, &ev, &f, t->then, &v)) {
		t->counts.damaged++;
		return RV_OK;
	}
	return add(t, e, &ev, v, err);
}

/* ---- the thread ---- */

enum rv_code replay_thread_init(struct replay_thread *t, struct rv_err *err)
{
	rv_arena_init(&t->arena, ROW_MEMORY);
	rv_arena_init(&t->kept, KEPT_MEMORY);
	rv_buf_init(&t->clear, SIDE_MAX);
	rv_buf_init(&t->request, SIDE_MAX);
	t->reader = rv_ledger_reader_new(t->r->gate->ledger, RV_READ_FORWARD);
	t->scratch = cedar_scratch_new();
	t->memo = calloc(MEMOS, sizeof *t->memo);
	t->worlds = calloc(WORLDS, sizeof *t->worlds);
	t->keys = calloc(KEYS, sizeof *t->keys);
	return t->reader && t->scratch && t->memo && t->worlds && t->keys
		? RV_OK
		: RV_FAIL(err, RV_ENOMEM, "out of memory");
}

void replay_thread_done(struct replay_thread *t)
{
	for (size_t i = 0; t->worlds && i < WORLDS; i++)
		world_done(&t->worlds[i]);
	if (t->keys)
		explicit_bzero(t->keys, KEYS * sizeof *t->keys);
	if (t->clear.p)
		explicit_bzero(t->clear.p, t->clear.n);
	rv_ledger_reader_free(t->reader);
	cedar_scratch_free(t->scratch);
	rv_buf_done(&t->clear);
	rv_buf_done(&t->request);
	rv_arena_done(&t->arena);
	rv_arena_done(&t->kept);
	free(t->memo);
	free(t->worlds);
	free(t->keys);
	free(t->groups);
}
