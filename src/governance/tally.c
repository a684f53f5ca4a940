/* What is counted instead of logged one by one: knocks of strangers, by source and minute. The
 * control thread turns the counts into events; until it has, they stay. */
#include <stdio.h>

#include "governance/tally.h"
#include "ledger/ledger.h"

enum { SOURCES_MAX = 256, SOURCE_SIZE = 64 };
#define MINUTE_NS (60 * RV_NS_PER_S)

struct tally_knock {
	enum rv_knock what;
	char source[SOURCE_SIZE], person[RV_NAME_MAX + 1];
	int64_t minute;
	uint64_t n, told; /* told: of them in the event that is being written */
};
struct rv_tally {
	pthread_mutex_t lock;
	struct tally_knock knocks[SOURCES_MAX];
	size_t n_knocks;
};

struct rv_tally *rv_tally_new(void)
{
	struct rv_tally *t = calloc(1, sizeof *t);
	if (t)
		rv_assert(pthread_mutex_init(&t->lock, NULL) == 0);
	return t;
}

void rv_tally_free(struct rv_tally *t)
{
	if (!t)
		return;
	pthread_mutex_destroy(&t->lock);
	free(t);
}

/* ---- counting ---- */

static struct tally_knock *find(struct rv_tally *t, enum rv_knock what, const char *source,
	const char *person, int64_t minute)
{
	for (size_t i = 0; i < t->n_knocks; i++) {
		struct tally_knock *k = &t->knocks[i];
		if (k->what == what && k->minute == minute && strcmp(k->source, source) == 0 &&
			strcmp(k->person, person) == 0)
			return k;
	}
	/* The last two places are for those that find no place of their own. */
	bool is_rest = strcmp(source, "others") == 0;
	if (t->n_knocks >= SOURCES_MAX - (is_rest ? 0 : 2))
		return NULL;
	struct tally_knock *k = &t->knocks[t->n_knocks++];
	*k = (struct tally_knock){ .what = what, .minute = minute };
	snprintf(k->source, sizeof k->source, "%s", source);
	snprintf(k->person, sizeof k->person, "%s", person);
	return k;
}

/* "127.0.0.1:51234" -> "127.0.0.1", "[::1]:7" -> "[::1]" */
static struct rv_str without_port(struct rv_str s)
{
	size_t n = s.n;
	while (n > 0 && s.p[n - 1] >= '0' && s.p[n - 1] <= '9')
		n--;
	return n > 0 && n < s.n && s.p[n - 1] == ':' ? rv_str_sub(s, 0, n - 1) : s;
}

void rv_knock(struct rv_gov *g, enum rv_knock what, struct rv_str source, struct rv_str person)
{
	struct rv_tally *t = g->tally;
	char from[SOURCE_SIZE], whom[RV_NAME_MAX + 1];
	int64_t minute = rv_gov_now(g) / MINUTE_NS;
	source = rv_str_sub(without_port(source), 0, sizeof from - 1);
	person = rv_str_sub(person, 0, sizeof whom - 1);
	snprintf(from, sizeof from, "%.*s", RV_FMT(source));
	snprintf(whom, sizeof whom, "%.*s", RV_FMT(person));
	pthread_mutex_lock(&t->lock);
	struct tally_knock *k = find(t, what, from, whom, minute);
	if (!k)
		k = find(t, what, "others", "", minute);
	/* Old minutes that could not be written yet fill the table: they take what comes. */
	if (!k)
		k = &t->knocks[t->n_knocks - 1];
	k->n++;
	pthread_mutex_unlock(&t->lock);
}

/* ---- telling ---- */

static enum rv_code tell_knock(
	struct rv_op *op, const struct tally_knock *k, uint64_t n, struct rv_err *err)
{
	char minute[RV_TIME_SIZE];
	RV_AUTO_BUF b;
	struct rv_json_w w;
	struct rv_str detail;
	rv_buf_init(&b, 4096);
	rv_json_w_init(&w, &b);
	rv_json_w_obj(&w);
	rv_json_w_kv_strz(&w, "source", k->source);
	if (k->person[0])
		rv_json_w_kv_strz(&w, "person", k->person);
	rv_json_w_kv_strz(&w, "minute", rv_time_format(k->minute * MINUTE_NS, minute));
	rv_json_w_kv_i64(&w, "count", (int64_t)n);
	rv_json_w_obj_end(&w);
	RV_TRY(rv_op_buf(op, &b, &detail, err));
	const struct rv_event ev = { .kind = k->what == RV_KNOCK_LOGIN ? RV_EV_SESSION_REFUSED
								       : RV_EV_SERVICE_KNOCKS,
		.outcome = RV_DENY,
		.detail_json = detail };
	return rv_op_event(op, &ev, RV_STR(""), NULL, err);
}

/* Marks what goes into events now: what comes meanwhile is for the next time. */
static size_t take(struct rv_tally *t, int64_t minute, bool all, struct tally_knock *out)
{
	size_t n = 0;
	pthread_mutex_lock(&t->lock);
	for (size_t i = 0; i < t->n_knocks; i++) {
		struct tally_knock *k = &t->knocks[i];
		k->told = all || k->minute < minute ? k->n : 0;
		if (k->told > 0)
			out[n++] = *k;
	}
	pthread_mutex_unlock(&t->lock);
	return n;
}

enum rv_code rv_tally_tell(struct rv_op *op, bool all, struct rv_err *err)
{
	struct tally_knock *knocks = rv_arena_array(op->arena, SOURCES_MAX, sizeof *knocks);
	if (!knocks)
		return RV_FAIL_ARENA(err);
	size_t n = take(op->gov->tally, op->now_ns / MINUTE_NS, all, knocks);
	for (size_t i = 0; i < n; i++)
		RV_TRY(tell_knock(op, &knocks[i], knocks[i].told, err));
	return RV_OK;
}

void rv_tally_told(struct rv_tally *t)
{
	size_t kept = 0;
	pthread_mutex_lock(&t->lock);
	for (size_t i = 0; i < t->n_knocks; i++) {
		struct tally_knock *k = &t->knocks[i];
		k->n -= k->told;
		k->told = 0;
		if (k->n > 0)
			t->knocks[kept++] = *k;
	}
	t->n_knocks = kept;
	pthread_mutex_unlock(&t->lock);
}
