/* What both ways of checking a log share: the checkpoints it is held against, what was found, and
 * the verdict in words. */
#include <stdarg.h>

#include "ledger/ledger_int.h"

void rv_verify_problem(struct rv_verify_report *r, const char *file, uint64_t offset, uint64_t seq,
	const char *fmt, ...)
{
	if (r->n_problems++ >= RV_VERIFY_PROBLEMS)
		return;
	struct rv_verify_problem *p = &r->problem[r->n_problems - 1];
	va_list ap;
	snprintf(p->file, sizeof p->file, "%s", file);
	p->offset = offset;
	p->seq = seq;
	va_start(ap, fmt);
	vsnprintf(p->text, sizeof p->text, fmt, ap);
	va_end(ap);
}

void rv_verify_retention(struct rv_str event, uint64_t *dropped_to)
{
	static const char kind[] = "service.retention";
	const struct rv_json *v;
	RV_AUTO_ARENA a;
	rv_arena_init(&a, RV_EVENT_ARENA);
	if (!memmem(event.p, event.n, kind, sizeof kind - 1) ||
		rv_json_parse(&a, event, NULL, &v, NULL) != RV_OK)
		return;
	const struct rv_json *k = rv_json_get(v, "kind"),
			     *to = rv_json_get(rv_json_get(v, "detail"), "events_below");
	if (rv_json_is(k, RV_JSON_STR) && rv_str_eqz(k->str, kind) && rv_json_is(to, RV_JSON_INT) &&
		to->integer > 0 && (uint64_t)to->integer > *dropped_to)
		*dropped_to = (uint64_t)to->integer;
}

static struct rv_verify_note *add(struct rv_verify_notes *v, const char *file, const char *what,
	const struct rv_checkpoint *c)
{
	rv_assert(v->n < RV_COUNT(v->note));
	struct rv_verify_note *n = &v->note[v->n++];
	*n = (struct rv_verify_note){ .file = file, .what = what, .c = *c };
	rv_sha256_of(RV_STR(""), &n->root);
	return n;
}

static enum rv_code open_note(struct rv_verify_notes *v, struct rv_str rotations,
	struct rv_str note, bool must_be_newest, struct rv_checkpoint *ret, struct rv_err *err)
{
	if (v->chain.n == 0)
		return rv_checkpoint_open(note, NULL, ret, err);
	if (must_be_newest)
		return rv_checkpoint_open(note, v->chain.key[v->chain.n - 1], ret, err);
	return rv_keychain_open(rotations, &v->chain, note, ret, err);
}

static void count_witnesses(struct rv_verify_notes *v, const struct rv_verify_opts *o,
	struct rv_verify_report *r, struct rv_str note, uint64_t size)
{
	size_t n = 0;
	int64_t newest_s = 0, at_s;
	for (size_t i = 0; i < o->n_witnesses; i++) {
		struct rv_err e = { 0 };
		enum rv_code code = rv_witness_cosigned(note, o->witness_vkeys[i], &at_s, &e);
		if (code == RV_OK)
			n++;
		else if (!strstr(e.msg, "no cosignature"))
			rv_verify_problem(r, RV_F_CHECKPOINT, UINT64_MAX, UINT64_MAX, "%s", e.msg);
		if (code == RV_OK && at_s > newest_s)
			newest_s = at_s;
	}
	if (n < r->witnesses || n == 0)
		return;
	r->witnesses = n;
	r->witnessed_size = size;
	r->witnessed_ns = newest_s * RV_NS_PER_S;
}

static enum rv_code take_saved(struct rv_verify_notes *v, const struct rv_verify_opts *o,
	struct rv_verify_report *r, struct rv_str rotations, struct rv_err *err)
{
	struct rv_checkpoint c;
	if (o->saved.n == 0)
		return RV_OK;
	enum rv_code code = o->vkey ? open_note(v, rotations, o->saved, false, &c, err)
				    : rv_checkpoint_open(o->saved, NULL, &c, err);
	if (code != RV_OK) {
		rv_err_prefix(err, "the saved checkpoint: ");
		return code;
	}
	r->saved_size = c.size;
	add(v, "saved", "the saved checkpoint", &c);
	v->has_saved = true;
	return RV_OK;
}

static bool is_in(const struct rv_keychain *c, struct rv_str key)
{
	for (size_t i = 0; i < c->n; i++)
		if (rv_str_eqz(key, c->key[i]))
			return true;
	return false;
}

enum rv_code rv_verify_take_notes(struct rv_verify_notes *v, const struct rv_verify_opts *o,
	struct rv_verify_report *r, struct rv_str rotations, struct rv_str own,
	struct rv_str witnessed, struct rv_str own_vkey, struct rv_err *err)
{
	struct rv_err e = { 0 };
	struct rv_checkpoint c;
	char key[RV_VKEY_MAX];
	own_vkey = rv_str_trim(own_vkey);
	const char *trusted = o->vkey;
	if (!trusted && own_vkey.n > 0 && own_vkey.n < sizeof key) {
		memcpy(key, own_vkey.p, own_vkey.n);
		key[own_vkey.n] = '\0';
		trusted = key;
	}
	if (o->vkey)
		RV_TRY(rv_note_check_vkey(o->vkey, err));
	if (trusted && rv_keychain_read(rotations, trusted, &v->chain, &e) != RV_OK) {
		rv_verify_problem(r, RV_F_ROTATIONS, UINT64_MAX, UINT64_MAX, "%s", e.msg);
		if (rv_keychain_read(RV_STR(""), trusted, &v->chain, NULL) != RV_OK)
			v->chain.n = 0;
	}
	if (o->vkey && own_vkey.n > 0 && !is_in(&v->chain, own_vkey))
		rv_verify_problem(
			r, RV_F_VKEY, UINT64_MAX, UINT64_MAX, "the log is of another key");
	rv_err_clear(&e);
	if (own.n > 0 && open_note(v, rotations, own, true, &c, &e) != RV_OK) {
		rv_verify_problem(r, RV_F_CHECKPOINT, UINT64_MAX, UINT64_MAX, "%s", e.msg);
	} else if (own.n > 0) {
		add(v, RV_F_CHECKPOINT, "the signed checkpoint", &c);
		v->has_own = true;
		r->signed_size = c.size;
		count_witnesses(v, o, r, own, c.size);
	}
	rv_err_clear(&e);
	if (witnessed.n > 0 && open_note(v, rotations, witnessed, false, &c, &e) != RV_OK) {
		rv_verify_problem(r, RV_F_WITNESSED, UINT64_MAX, UINT64_MAX, "%s", e.msg);
	} else if (witnessed.n > 0) {
		add(v, RV_F_WITNESSED, "the witnessed checkpoint", &c);
		count_witnesses(v, o, r, witnessed, c.size);
	}
	return take_saved(v, o, r, rotations, err);
}

static void compare(
	const struct rv_verify_notes *v, const struct rv_verify_note *n, struct rv_verify_report *r)
{
	if (n->c.size > r->size)
		rv_verify_problem(r, n->file, UINT64_MAX, r->size,
			"%s has %llu events, the log has %llu: it was cut or an older copy put in "
			"its place",
			n->what, (unsigned long long)n->c.size, (unsigned long long)r->size);
	else if (v->is_broken)
		rv_verify_problem(
			r, n->file, UINT64_MAX, UINT64_MAX, "%s could not be compared", n->what);
	else if (!rv_sha256_eq(&n->root, &n->c.root))
		rv_verify_problem(r, n->file, UINT64_MAX, UINT64_MAX,
			"the first %llu events are not those of %s: history was rewritten",
			(unsigned long long)n->c.size, n->what);
}

void rv_verify_conclude(
	const struct rv_verify_notes *v, const struct rv_verify_opts *o, struct rv_verify_report *r)
{
	for (size_t i = 0; i < v->n; i++) {
		const struct rv_verify_note *n = &v->note[i];
		compare(v, n, r);
		if (v->has_own && i > 0 && strcmp(n->c.origin, v->note[0].c.origin) != 0)
			rv_verify_problem(r, RV_F_CHECKPOINT, UINT64_MAX, UINT64_MAX,
				"%s is of the log '%s', this one is '%s'", n->what, n->c.origin,
				v->note[0].c.origin);
	}
	if (o->quorum > r->witnesses)
		rv_verify_problem(r, RV_F_WITNESSED, UINT64_MAX, UINT64_MAX,
			"%zu of the witnesses named have cosigned a checkpoint here, %zu are asked "
			"for",
			r->witnesses, o->quorum);
	bool is_held = v->has_saved || (o->vkey && v->has_own) || r->witnesses > 0;
	r->level = r->n_problems > 0 ? RV_VERIFY_FAILED
		: is_held	     ? RV_VERIFY_VERIFIED
				     : RV_VERIFY_CONSISTENT;
}

static void print_problem(const struct rv_verify_problem *p, struct rv_buf *out)
{
	rv_buf_printf(out, "  %s", p->file);
	if (p->offset != UINT64_MAX)
		rv_buf_printf(out, ", byte %llu", (unsigned long long)p->offset);
	if (p->seq != UINT64_MAX)
		rv_buf_printf(out, ", event %llu", (unsigned long long)p->seq);
	rv_buf_printf(out, ": %s\n", p->text);
}

void rv_verify_print(const struct rv_verify_report *r, struct rv_buf *out)
{
	char root[65], time[RV_TIME_SIZE];
	rv_hex_z(r->root.b, 32, root);
	const char *word = r->level == RV_VERIFY_VERIFIED ? "verified"
		: r->level == RV_VERIFY_CONSISTENT	  ? "self-consistent"
							  : "FAILED";
	rv_buf_printf(out, "%s: %llu events, %llu of them signed, root %s\n", word,
		(unsigned long long)r->size, (unsigned long long)r->signed_size, root);
	if (r->level == RV_VERIFY_CONSISTENT)
		rv_buf_addz(out,
			"  (it fits together, which whoever holds the log's key can arrange; give "
			"the verifier key or a saved checkpoint from elsewhere)\n");
	if (r->saved_size > 0 && r->level == RV_VERIFY_VERIFIED)
		rv_buf_printf(out, "  the first %llu events are those of the saved checkpoint\n",
			(unsigned long long)r->saved_size);
	if (r->witnesses > 0)
		rv_buf_printf(out, "  the first %llu events were cosigned by %zu %s, last at %s\n",
			(unsigned long long)r->witnessed_size, r->witnesses,
			r->witnesses == 1 ? "witness" : "witnesses",
			rv_time_format(r->witnessed_ns, time));
	if (r->dropped > 0)
		rv_buf_printf(out,
			"  %llu events were dropped by retention; their hashes are there and fit\n",
			(unsigned long long)r->dropped);
	if (r->torn_bytes > 0)
		rv_buf_printf(out, "  %llu bytes of a write that was never acknowledged follow\n",
			(unsigned long long)r->torn_bytes);
	for (size_t i = 0; i < r->n_problems && i < RV_VERIFY_PROBLEMS; i++)
		print_problem(&r->problem[i], out);
	if (r->n_problems > RV_VERIFY_PROBLEMS)
		rv_buf_printf(out, "  and %zu more\n", r->n_problems - RV_VERIFY_PROBLEMS);
}
