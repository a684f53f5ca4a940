/* A log's keys over time. When the key is changed, both keys sign the change; the file "rotations"
 * holds these notes one after another, oldest first:
 *
 *     reeve/log-key-rotation@v1 \n
 *     origin \n
 *     size of the log then \n
 *     old verifier key \n
 *     new verifier key \n
 *     when, RFC 3339 \n
 *     \n
 *     — origin signature of the old key \n
 *     — origin signature of the new key \n
 *
 * Whoever trusts one key of the chain learns the others from it. Checkpoints of today must be of
 * the newest key that follows from the trusted one; a checkpoint kept from earlier may be of any.
 */
#include "ledger/ledger_int.h"

#define MAGIC "reeve/log-key-rotation@v1"

struct rotation {
	struct rv_str origin, old_key, new_key;
};

static bool line(struct rv_str *rest, struct rv_str *ret)
{
	size_t end = rv_str_find(*rest, '\n', 0);
	if (end == SIZE_MAX)
		return false;
	*ret = rv_str_sub(*rest, 0, end);
	*rest = rv_str_sub(*rest, end + 1, rest->n);
	return true;
}

/* One note off the front, with its signatures verified. */
static enum rv_code next(struct rv_str *rest, struct rotation *ret, struct rv_err *err)
{
	struct rv_str at = *rest, magic, size, time, blank, body, sigs;
	struct rv_vkey was, is;
	uint64_t n;
	int64_t ns;
	if (!line(&at, &magic) || !rv_str_eqz(magic, MAGIC) || !line(&at, &ret->origin) ||
		!line(&at, &size) || !line(&at, &ret->old_key) || !line(&at, &ret->new_key) ||
		!line(&at, &time) || !line(&at, &blank) || blank.n > 0 || !rv_str_u64(size, &n) ||
		!rv_time_parse(time, &ns))
		return RV_FAIL(err, RV_EINVAL, "not a change of the log's key");
	size_t body_n = (size_t)(blank.p - rest->p);
	body = rv_str_sub(*rest, 0, body_n);
	sigs = at;
	for (int i = 0; i < 2; i++)
		if (!line(&at, &blank))
			return RV_FAIL(err, RV_EINVAL, "a change of key has two signatures");
	sigs = rv_str_sub(sigs, 0, (size_t)(at.p - sigs.p));
	RV_TRY(rv_vkey_parse(ret->old_key, RV_SIG_ED25519, &was, err));
	RV_TRY(rv_vkey_parse(ret->new_key, RV_SIG_ED25519, &is, err));
	if (!rv_str_eq(was.name, ret->origin) || !rv_str_eq(is.name, ret->origin))
		return RV_FAIL(err, RV_EAUTH, "the keys are of another log");
	RV_TRY(rv_note_check_sigs(body, sigs, &was, err));
	RV_TRY(rv_note_check_sigs(body, sigs, &is, err));
	*rest = at;
	return RV_OK;
}

static bool keep(struct rv_keychain *c, struct rv_str key)
{
	if (c->n == RV_KEYCHAIN_MAX || key.n >= sizeof c->key[0])
		return false;
	memcpy(c->key[c->n], key.p, key.n);
	c->key[c->n++][key.n] = '\0';
	return true;
}

enum rv_code rv_keychain_read(
	struct rv_str rotations, const char *trusted, struct rv_keychain *ret, struct rv_err *err)
{
	struct rv_str key = rv_str_trim(rv_str_of(trusted));
	*ret = (struct rv_keychain){ 0 };
	RV_TRY(rv_note_check_vkey(trusted, err));
	if (!keep(ret, key))
		return RV_FAIL(err, RV_ELIMIT, "the verifier key is too long");
	for (uint32_t n = 1; rotations.n > 0; n++) {
		struct rotation r;
		enum rv_code code = next(&rotations, &r, err);
		if (code != RV_OK) {
			rv_err_prefix(err, "rotation %u: ", n);
			return code;
		}
		/* Forward from the trusted key; before that, the old ones it vouches for. */
		bool follows = rv_str_eqz(r.old_key, ret->key[ret->n - 1]);
		if (!follows && ret->n > 1)
			return RV_FAIL(err, RV_EAUTH, "rotation %u does not follow", n);
		if (follows && !keep(ret, r.new_key))
			return RV_FAIL(err, RV_ELIMIT, "more than %d keys", RV_KEYCHAIN_MAX);
	}
	return RV_OK;
}

/* Any key of the chain, the trusted one's predecessors too. */
enum rv_code rv_keychain_open(struct rv_str rotations, const struct rv_keychain *c,
	struct rv_str note, struct rv_checkpoint *ret, struct rv_err *err)
{
	for (size_t i = c->n; i-- > 0;)
		if (rv_checkpoint_open(note, c->key[i], ret, i == 0 ? err : NULL) == RV_OK)
			return RV_OK;
	/* Backwards: who the trusted key succeeded. */
	struct rotation r[RV_KEYCHAIN_MAX];
	size_t n = 0;
	while (rotations.n > 0 && n < RV_KEYCHAIN_MAX && next(&rotations, &r[n], NULL) == RV_OK)
		n++;
	struct rv_str at = rv_str_of(c->key[0]);
	while (n-- > 0) {
		char key[RV_VKEY_MAX];
		if (!rv_str_eq(r[n].new_key, at) || r[n].old_key.n >= sizeof key)
			continue;
		at = r[n].old_key;
		memcpy(key, at.p, at.n);
		key[at.n] = '\0';
		if (rv_checkpoint_open(note, key, ret, NULL) == RV_OK) {
			rv_err_clear(err);
			return RV_OK;
		}
	}
	/* The error of the first try stands in err. */
	return RV_EAUTH;
}

enum rv_code rv_rotation_write(struct rv_str origin, uint64_t size, int64_t now_ns,
	const struct rv_ledger_key *old_key, const struct rv_ledger_key *new_key,
	struct rv_buf *out, struct rv_err *err)
{
	char time[RV_TIME_SIZE];
	RV_AUTO_BUF body;
	rv_buf_init(&body, RV_CHECKPOINT_MAX);
	rv_buf_printf(&body, MAGIC "\n%.*s\n%llu\n", RV_FMT(origin), (unsigned long long)size);
	RV_TRY(rv_ledger_vkey(old_key, origin, &body, err));
	rv_buf_addc(&body, '\n');
	RV_TRY(rv_ledger_vkey(new_key, origin, &body, err));
	rv_buf_printf(&body, "\n%s\n", rv_time_format(now_ns, time));
	RV_TRY(rv_buf_ok(&body, err));
	rv_buf_add(out, rv_buf_str(&body));
	rv_buf_addc(out, '\n');
	rv_note_sign(rv_buf_str(&body), origin, old_key, out);
	rv_note_sign(rv_buf_str(&body), origin, new_key, out);
	return rv_buf_ok(out, err);
}
