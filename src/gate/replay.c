/* Recorded requests decided again: the range of the log is cut into pieces, threads take them one
 * after another, and what each found is added up. */
#include "gate/replay_int.h"

#include <stdio.h>
#include <unistd.h>

enum { PIECE = 2048, MEMORY_MAX = 256 << 20, EXAMPLES = 3 };

/* ---- sets of then ---- */

struct set_job {
	struct replay_set *s;
	int64_t version;
};

static enum rv_code load_set(void *arg, struct rv_op *op, struct rv_err *err)
{
	const struct set_job *j = arg;
	struct rv_str text;
	RV_TRY(rv_policy_set_text(op, j->version, &text, err));
	text = rv_arena_str(&j->s->arena, text);
	if (!text.p)
		return RV_FAIL_ARENA(err);
	struct rv_set_file *files;
	size_t n;
	RV_TRY(rv_gate_set_read(&j->s->arena, text, &files, &n, err));
	return rv_gate_set_new(&j->s->arena, files, n, &j->s->set, err);
}

static struct replay_set *make_set(struct replay *r, int64_t version)
{
	struct replay_set *s = calloc(1, sizeof *s);
	struct rv_err err = { 0 };
	struct set_job j = { s, version };
	const struct rv_job job = { .kind = RV_JOB_READ,
		.run = load_set,
		.arg = &j,
		.actor = { .type = RV_ACTOR_SERVICE } };
	if (!s)
		return NULL;
	s->version = version;
	rv_arena_init(&s->arena, MEMORY_MAX);
	/* Before the first policy there is no set: nothing was permitted. */
	enum rv_code code = version == 0 ? rv_gate_set_new(&s->arena, NULL, 0, &s->set, &err)
					 : rv_control_call(r->gate->gov, &job, &err);
	s->is_readable = code == RV_OK;
	return s;
}

const struct rv_gate_set *replay_set_of(struct replay *r, int64_t version)
{
	struct replay_set *s = NULL;
	pthread_mutex_lock(&r->lock);
	for (size_t i = r->n_sets; i-- > 0 && !s;)
		if (r->sets[i]->version == version)
			s = r->sets[i];
	if (!s && r->n_sets < REPLAY_SETS_MAX) {
		s = make_set(r, version);
		if (s)
			r->sets[r->n_sets++] = s;
	}
	pthread_mutex_unlock(&r->lock);
	return s && s->is_readable ? &s->set : NULL;
}

/* ---- the range ---- */

/* The first entry that was logged at or after that time. */
static enum rv_code seq_at(struct rv_ledger_reader *reader, uint64_t size, int64_t at_ns,
	uint64_t *ret, struct rv_err *err)
{
	uint64_t low = 0, high = size;
	while (low < high) {
		uint64_t mid = low + (high - low) / 2;
		struct rv_ledger_entry e;
		bool is_there;
		RV_TRY(rv_ledger_reader_row(reader, mid, &e, &is_there, err));
		if (e.logged_ns < at_ns)
			low = mid + 1;
		else
			high = mid;
	}
	*ret = low;
	return RV_OK;
}

static enum rv_code find_range(struct replay *r, struct rv_err *err)
{
	struct rv_ledger_reader *reader = rv_ledger_reader_new(r->gate->ledger, RV_READ_RANDOM);
	uint64_t size = rv_ledger_size(r->gate->ledger);
	if (!reader)
		return RV_FAIL(err, RV_ENOMEM, "out of memory");
	enum rv_code code = seq_at(reader, size, r->ask->since_ns, &r->from, err);
	if (code == RV_OK)
		code = seq_at(reader, size, r->ask->until_ns, &r->to, err);
	rv_ledger_reader_free(reader);
	atomic_init(&r->next, r->from);
	return code;
}

/* ---- threads ---- */

static enum rv_code run_piece(
	struct replay_thread *t, uint64_t from, uint64_t to, struct rv_err *err)
{
	for (uint64_t seq = from; seq < to; seq++) {
		struct rv_ledger_entry e;
		bool is_there;
		RV_TRY(rv_ledger_reader_row(t->reader, seq, &e, &is_there, err));
		if (is_there)
			RV_TRY(replay_row(t, &e, err));
	}
	return RV_OK;
}

static void *work(void *arg)
{
	struct replay_thread *t = arg;
	struct replay *r = t->r;
	struct rv_err err = { 0 };
	enum rv_code code = RV_OK;
	while (code == RV_OK && !atomic_load(&r->failed)) {
		uint64_t from = atomic_fetch_add(&r->next, PIECE);
		if (from >= r->to)
			break;
		code = run_piece(t, from, from + PIECE < r->to ? from + PIECE : r->to, &err);
	}
	if (code != RV_OK) {
		pthread_mutex_lock(&r->lock);
		if (!atomic_exchange(&r->failed, true))
			r->err = err;
		pthread_mutex_unlock(&r->lock);
	}
	return NULL;
}

static unsigned thread_count(const struct replay *r)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned n = r->ask->threads;
	if (n == 0)
		n = cores > 0 ? (unsigned)cores : 1;
	if (n > REPLAY_THREADS_MAX)
		n = REPLAY_THREADS_MAX;
	/* A thread costs more than a few pieces. */
	return r->to - r->from <= 4 * (uint64_t)PIECE ? 1 : n;
}

static enum rv_code run_all(
	struct replay *r, struct replay_thread *threads, unsigned n, struct rv_err *err)
{
	unsigned started = 1;
	/* What cannot be started is done by those that were. */
	while (started < n &&
		pthread_create(&threads[started].id, NULL, work, &threads[started]) == 0)
		started++;
	(void)work(&threads[0]); /* yields nothing */
	for (unsigned i = 1; i < started; i++)
		(void)pthread_join(threads[i].id, NULL); /* ours and joinable */
	if (!atomic_load(&r->failed))
		return RV_OK;
	if (err)
		*err = r->err;
	return r->err.code;
}

/* ---- the answer ---- */

static void add_counts(struct replay_counts *to, const struct replay_counts *from)
{
	to->decisions += from->decisions;
	to->decided += from->decided;
	to->changed += from->changed;
	to->before_policy += from->before_policy;
	to->unreadable += from->unreadable;
	to->damaged += from->damaged;
	for (size_t i = 0; i < 3; i++)
		for (size_t k = 0; k < 3; k++)
			to->table[i][k] += from->table[i][k];
}

/* The earliest stay. */
static void add_examples(struct replay_group *to, const struct replay_group *from, size_t max)
{
	for (size_t i = 0; i < from->n_examples; i++) {
		size_t at = to->n_examples;
		while (at > 0 && to->examples[at - 1].seq > from->examples[i].seq)
			at--;
		if (at >= max)
			continue;
		size_t n = to->n_examples < max ? to->n_examples : max - 1;
		memmove(&to->examples[at + 1], &to->examples[at],
			(n - at) * sizeof to->examples[0]);
		to->examples[at] = from->examples[i];
		to->n_examples = n + 1;
	}
}

static enum rv_code merge(
	struct replay_thread *to, const struct replay_thread *from, size_t max, struct rv_err *err)
{
	add_counts(&to->counts, &from->counts);
	for (size_t i = 0; i < from->n_groups; i++) {
		const struct replay_group *f = &from->groups[i];
		struct replay_group *g = replay_group_of(to, f->system, f->action, f->was, f->now);
		if (!g)
			return RV_FAIL(err, RV_ELIMIT, "too many sorts of change");
		g->n += f->n;
		add_examples(g, f, max);
	}
	return RV_OK;
}

static int by_size(const void *a, const void *b)
{
	const struct replay_group *x = a, *y = b;
	if (x->n != y->n)
		return x->n < y->n ? 1 : -1;
	int c = rv_str_cmp(x->system, y->system);
	return c ? c : rv_str_cmp(x->action, y->action);
}

static void put_example(struct rv_json_w *w, const struct replay_example *x)
{
	rv_json_w_obj(w);
	rv_json_w_kv_i64(w, "seq", (int64_t)x->seq);
	rv_json_w_name(w, "id");
	rv_json_w_raw(w, x->id);
	rv_json_w_name(w, "resource");
	rv_json_w_raw(w, x->resource);
	rv_json_w_kv_str(w, "was_by", x->was);
	rv_json_w_kv_str(w, "now_by", x->now);
	rv_json_w_obj_end(w);
}

static void put_group(struct rv_json_w *w, const struct replay_group *g)
{
	rv_json_w_obj(w);
	rv_json_w_kv_str(w, "system", g->system);
	rv_json_w_name(w, "action");
	rv_json_w_raw(w, g->action);
	rv_json_w_kv_strz(w, "was", rv_outcome_name(g->was));
	rv_json_w_kv_strz(w, "now", rv_outcome_name(g->now));
	rv_json_w_kv_i64(w, "count", (int64_t)g->n);
	rv_json_w_name(w, "examples");
	rv_json_w_arr(w);
	for (size_t i = 0; i < g->n_examples; i++)
		put_example(w, &g->examples[i]);
	rv_json_w_arr_end(w);
	rv_json_w_obj_end(w);
}

static void put_answer(const struct replay *r, struct replay_thread *t, struct rv_json_w *w)
{
	static const char *const words[] = { "allow", "hold", "deny" };
	const struct replay_counts *c = &t->counts;
	const struct {
		const char *name;
		uint64_t n;
	} rows[] = { { "decisions", c->decisions }, { "decided", c->decided },
		{ "changed", c->changed }, { "before_policy", c->before_policy },
		{ "unreadable", c->unreadable }, { "damaged", c->damaged } };
	char at[RV_TIME_SIZE];
	rv_json_w_kv_strz(w, "since", rv_time_format(r->ask->since_ns, at));
	rv_json_w_kv_strz(w, "until", rv_time_format(r->ask->until_ns, at));
	for (size_t i = 0; i < RV_COUNT(rows); i++)
		rv_json_w_kv_i64(w, rows[i].name, (int64_t)rows[i].n);
	rv_json_w_name(w, "outcomes");
	rv_json_w_obj(w);
	for (size_t i = 0; i < 3; i++) {
		rv_json_w_name(w, words[i]);
		rv_json_w_obj(w);
		for (size_t k = 0; k < 3; k++)
			rv_json_w_kv_i64(w, words[k], (int64_t)c->table[i][k]);
		rv_json_w_obj_end(w);
	}
	rv_json_w_obj_end(w);
	if (t->n_groups > 1)
		qsort(t->groups, t->n_groups, sizeof *t->groups, by_size);
	rv_json_w_name(w, "changes");
	rv_json_w_arr(w);
	for (size_t i = 0; i < t->n_groups; i++)
		put_group(w, &t->groups[i]);
	rv_json_w_arr_end(w);
}

/* ---- all of it ---- */

struct begin {
	struct replay *r;
	struct rv_arena *arena;
};

/* Who asks, under which policies; and that it was asked. */
static enum rv_code begin(void *arg, struct rv_op *op, struct rv_err *err)
{
	const struct begin *b = arg;
	const struct rv_replay_ask *ask = b->r->ask;
	struct rv_str current;
	int64_t version;
	RV_TRY(rv_gate_may_replay(op, err));
	RV_TRY(rv_gate_current_set(op, &current, &version, err));
	current = rv_arena_str(b->arena, current);
	if (!current.p)
		return RV_FAIL_ARENA(err);
	RV_TRY(rv_gate_candidate(
		b->arena, current, ask->files, ask->n_files, ask->is_alone, &b->r->now, err));
	struct rv_event ev = { .system = ask->system };
	return rv_gate_note_question(op, "replay", &ev, &b->r->now, NULL, err);
}

static enum rv_code run(
	struct replay *r, struct rv_arena *a, struct rv_json_w *w, struct rv_err *err)
{
	size_t max = r->ask->examples > 0 ? (size_t)r->ask->examples : EXAMPLES;
	unsigned n, made = 0;
	RV_TRY(find_range(r, err));
	n = thread_count(r);
	struct replay_thread *threads = rv_arena_array(a, n, sizeof *threads);
	if (!threads)
		return RV_FAIL_ARENA(err);
	enum rv_code code = RV_OK;
	for (; code == RV_OK && made < n; made++) {
		threads[made] = (struct replay_thread){ .r = r };
		code = replay_thread_init(&threads[made], err);
	}
	if (code == RV_OK)
		code = run_all(r, threads, n, err);
	for (unsigned i = 1; code == RV_OK && i < n; i++)
		code = merge(&threads[0], &threads[i], max, err);
	if (code == RV_OK)
		put_answer(r, &threads[0], w);
	for (unsigned i = 0; i < made; i++)
		replay_thread_done(&threads[i]);
	return code;
}

enum rv_code rv_gate_replay(struct rv_gate *g, struct rv_arena *a, const struct rv_replay_ask *ask,
	struct rv_json_w *w, struct rv_err *err)
{
	struct replay *r = calloc(1, sizeof *r);
	if (!r)
		return RV_FAIL(err, RV_ENOMEM, "out of memory");
	r->gate = g;
	r->ask = ask;
	atomic_init(&r->failed, false);
	rv_assert(pthread_mutex_init(&r->lock, NULL) == 0);
	struct begin b = { r, a };
	const struct rv_job job = {
		.kind = RV_JOB_CHANGE, .run = begin, .arg = &b, .actor = ask->actor
	};
	enum rv_code code = rv_control_call(g->gov, &job, err);
	if (code == RV_OK) {
		r->snap = rv_snapshot_get(g->gov);
		code = run(r, a, w, err);
		rv_snapshot_unref(r->snap);
	}
	for (size_t i = 0; i < r->n_sets; i++) {
		rv_gate_set_done(&r->sets[i]->set);
		rv_arena_done(&r->sets[i]->arena);
		free(r->sets[i]);
	}
	rv_gate_set_done(&r->now);
	pthread_mutex_destroy(&r->lock);
	free(r);
	return code;
}
