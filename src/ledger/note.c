/* C2SP signed notes with Ed25519, and the checkpoint in them:
 *
 *     origin \n size \n base64(root) \n [more lines] \n
 *     — name base64(4 bytes key id || 64 bytes signature) \n     once or more
 *
 * The signature covers everything before the blank line, with the newline that ends it. The key id
 * is SHA-256(name || \n || 0x01 || public key), its first four bytes. Lines of other keys are
 * passed over. */
#include <sodium.h>

#include "ledger/ledger_int.h"

enum { SIGNATURES_MAX = 64 };

void rv_ledger_key_generate(struct rv_ledger_key *ret)
{
	rv_random(ret->seed, sizeof ret->seed);
}

enum rv_code rv_ledger_key_load(struct rv_str file, struct rv_ledger_key *ret, struct rv_err *err)
{
	if (file.n != sizeof ret->seed)
		return RV_FAIL(err, RV_EINVAL, "a log key has 32 bytes, this has %zu", file.n);
	memcpy(ret->seed, file.p, sizeof ret->seed);
	return RV_OK;
}

void rv_ledger_key_wipe(struct rv_ledger_key *k)
{
	sodium_memzero(k, sizeof *k);
}

enum rv_code rv_note_check_name(struct rv_str name, struct rv_err *err)
{
	if (name.n == 0 || name.n > RV_LEDGER_ORIGIN_MAX)
		return RV_FAIL(
			err, RV_EINVAL, "a log's origin has 1 to %d bytes", RV_LEDGER_ORIGIN_MAX);
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] <= ' ' || name.p[i] == '+' || name.p[i] == 0x7f)
			return RV_FAIL(err, RV_EINVAL,
				"the origin '%.*s' holds a blank, a '+' or what is not ASCII",
				RV_FMT(name));
	return RV_OK;
}

static void key_id(struct rv_str name, enum rv_sig_type type, const uint8_t pk[32], uint8_t ret[4])
{
	const char byte = (char)type;
	struct rv_sha256 h;
	const struct rv_str parts[] = { name, RV_STR("\n"), rv_str_n(&byte, 1), rv_str_n(pk, 32) };
	rv_sha256_parts(parts, 4, &h);
	memcpy(ret, h.b, 4);
}

enum rv_code rv_vkey_write(const struct rv_ledger_key *k, struct rv_str name, enum rv_sig_type type,
	struct rv_buf *out, struct rv_err *err)
{
	uint8_t pk[33] = { (uint8_t)type }, sk[crypto_sign_SECRETKEYBYTES], id[4];
	RV_TRY(rv_note_check_name(name, err));
	crypto_sign_seed_keypair(pk + 1, sk, k->seed);
	sodium_memzero(sk, sizeof sk);
	key_id(name, type, pk + 1, id);
	rv_buf_add(out, name);
	rv_buf_addc(out, '+');
	rv_hex_add(out, rv_str_n(id, 4));
	rv_buf_addc(out, '+');
	rv_b64_add(out, rv_str_n(pk, 33));
	return rv_buf_ok(out, err);
}

enum rv_code rv_ledger_vkey(
	const struct rv_ledger_key *k, struct rv_str origin, struct rv_buf *out, struct rv_err *err)
{
	return rv_vkey_write(k, origin, RV_SIG_ED25519, out, err);
}

enum rv_code rv_vkey_parse(
	struct rv_str text, enum rv_sig_type type, struct rv_vkey *ret, struct rv_err *err)
{
	struct rv_str s = rv_str_trim(text);
	uint8_t raw[33], want[4];
	size_t one = rv_str_find(s, '+', 0), n;
	size_t two = one == SIZE_MAX ? one : rv_str_find(s, '+', one + 1);
	if (two == SIZE_MAX || !rv_hex_parse(rv_str_sub(s, one + 1, two), ret->id, 4))
		return RV_FAIL(err, RV_EINVAL, "not a verifier key (name+hash+key)");
	ret->name = rv_str_sub(s, 0, one);
	ret->type = type;
	RV_TRY(rv_note_check_name(ret->name, err));
	if (!rv_b64_parse(rv_str_sub(s, two + 1, s.n), raw, sizeof raw, &n) || n != 33 ||
		raw[0] != (uint8_t)type)
		return RV_FAIL(err, RV_EINVAL, "the verifier key is not %s",
			type == RV_SIG_ED25519 ? "an Ed25519 key of a log"
					       : "a witness's key (cosignature/v1)");
	memcpy(ret->pk, raw + 1, 32);
	key_id(ret->name, type, ret->pk, want);
	if (memcmp(want, ret->id, 4) != 0)
		return RV_FAIL(err, RV_EINVAL, "the verifier key's hash does not fit its key");
	return RV_OK;
}

enum rv_code rv_note_check_vkey(const char *vkey, struct rv_err *err)
{
	struct rv_vkey k;
	return rv_vkey_parse(rv_str_of(vkey), RV_SIG_ED25519, &k, err);
}

/* "\xe2\x80\x94 name base64\n" off *rest. RV_EINVAL: malformed. */
enum rv_code rv_note_next_sig(struct rv_str *rest, struct rv_str *ret_name,
	uint8_t ret_raw[RV_SIG_MAX], size_t *ret_n, struct rv_err *err)
{
	size_t end = rv_str_find(*rest, '\n', 0);
	if (end == SIZE_MAX)
		return RV_FAIL(err, RV_EINVAL, "the last signature line has no end");
	struct rv_str line = rv_str_sub(*rest, 0, end);
	*rest = rv_str_sub(*rest, end + 1, rest->n);
	if (!rv_str_starts(line, RV_STR("\xe2\x80\x94 ")))
		return RV_FAIL(err, RV_EINVAL, "a signature line begins with an em dash");
	line = rv_str_sub(line, 4, line.n);
	size_t blank = rv_str_find(line, ' ', 0);
	if (blank == SIZE_MAX || blank == 0)
		return RV_FAIL(err, RV_EINVAL, "a signature line has a name and a signature");
	*ret_name = rv_str_sub(line, 0, blank);
	struct rv_str b64 = rv_str_sub(line, blank + 1, line.n);
	/* Other algorithms may have longer ones; those are passed over unread. */
	*ret_n = 0;
	if (b64.n <= 168 && (!rv_b64_parse(b64, ret_raw, RV_SIG_MAX, ret_n) || *ret_n < 5))
		return RV_FAIL(err, RV_EINVAL, "a signature is not base64");
	return RV_OK;
}

enum rv_code rv_note_check_sigs(
	struct rv_str body, struct rv_str sigs, const struct rv_vkey *k, struct rv_err *err)
{
	bool is_found = false;
	for (size_t i = 0; sigs.n > 0; i++) {
		struct rv_str name;
		uint8_t raw[RV_SIG_MAX];
		size_t n;
		if (i == SIGNATURES_MAX)
			return RV_FAIL(err, RV_EINVAL, "too many signatures");
		RV_TRY(rv_note_next_sig(&sigs, &name, raw, &n, err));
		if (!k || !rv_str_eq(name, k->name) || n < 4 || memcmp(raw, k->id, 4) != 0)
			continue;
		if (n != 68 ||
			crypto_sign_verify_detached(
				raw + 4, (const uint8_t *)body.p, body.n, k->pk) != 0)
			return RV_FAIL(
				err, RV_EAUTH, "the signature of '%.*s' is wrong", RV_FMT(name));
		is_found = true;
	}
	if (k && !is_found)
		return RV_FAIL(err, RV_EAUTH, "no signature of the key '%.*s'", RV_FMT(k->name));
	return RV_OK;
}

static enum rv_code checkpoint_parse(
	struct rv_str body, struct rv_checkpoint *ret, struct rv_err *err)
{
	struct rv_str origin, size, root;
	size_t n;
	*ret = (struct rv_checkpoint){ 0 };
	if (!rv_str_split(&body, '\n', &origin) || !rv_str_split(&body, '\n', &size) ||
		!rv_str_split(&body, '\n', &root))
		return RV_FAIL(err, RV_EINVAL, "a checkpoint has three lines or more");
	RV_TRY(rv_note_check_name(origin, err));
	memcpy(ret->origin, origin.p, origin.n);
	if (!rv_str_u64(size, &ret->size) || (size.n > 1 && size.p[0] == '0') ||
		ret->size > INT64_MAX)
		return RV_FAIL(err, RV_EINVAL, "the checkpoint's size is not a number");
	if (!rv_b64_parse(root, ret->root.b, 32, &n) || n != 32)
		return RV_FAIL(err, RV_EINVAL, "the checkpoint's root is not a base64 hash");
	for (struct rv_str line; body.n > 0 && rv_str_split(&body, '\n', &line);)
		if (line.n == 0)
			return RV_FAIL(err, RV_EINVAL, "a blank line in the checkpoint");
	return RV_OK;
}

enum rv_code rv_note_split(
	struct rv_str note, struct rv_str *ret_body, struct rv_str *ret_sigs, struct rv_err *err)
{
	if (note.n > RV_CHECKPOINT_MAX)
		return RV_FAIL(err, RV_EINVAL, "the checkpoint is longer than %d bytes",
			RV_CHECKPOINT_MAX);
	if (!rv_str_is_utf8(note))
		return RV_FAIL(err, RV_EINVAL, "the checkpoint is not UTF-8");
	for (size_t i = 0; i < note.n; i++)
		if ((uint8_t)note.p[i] < ' ' && note.p[i] != '\n')
			return RV_FAIL(err, RV_EINVAL, "a control character in the checkpoint");
	size_t gap = SIZE_MAX;
	for (size_t i = 0; i + 1 < note.n; i++)
		if (note.p[i] == '\n' && note.p[i + 1] == '\n')
			gap = i;
	if (gap == SIZE_MAX || gap + 2 == note.n)
		return RV_FAIL(err, RV_EINVAL, "the checkpoint has no signatures");
	*ret_body = rv_str_sub(note, 0, gap + 1);
	*ret_sigs = rv_str_sub(note, gap + 2, note.n);
	return RV_OK;
}

enum rv_code rv_checkpoint_open(
	struct rv_str note, const char *vkey, struct rv_checkpoint *ret, struct rv_err *err)
{
	struct rv_checkpoint c;
	struct rv_vkey k;
	struct rv_str body, sigs;
	RV_TRY(rv_note_split(note, &body, &sigs, err));
	if (vkey)
		RV_TRY(rv_vkey_parse(rv_str_of(vkey), RV_SIG_ED25519, &k, err));
	RV_TRY(checkpoint_parse(body, &c, err));
	RV_TRY(rv_note_check_sigs(body, sigs, vkey ? &k : NULL, err));
	if (vkey && !rv_str_eqz(k.name, c.origin))
		return RV_FAIL(err, RV_EAUTH, "the checkpoint is of the log '%s', not '%.*s'",
			c.origin, RV_FMT(k.name));
	*ret = c;
	return RV_OK;
}

void rv_sig_line(struct rv_str name, const uint8_t *raw, size_t n, struct rv_buf *out)
{
	rv_buf_printf(out, "\xe2\x80\x94 %.*s ", RV_FMT(name));
	rv_b64_add(out, rv_str_n(raw, n));
	rv_buf_addc(out, '\n');
}

void rv_note_sign(
	struct rv_str body, struct rv_str name, const struct rv_ledger_key *k, struct rv_buf *out)
{
	uint8_t pk[32], sk[crypto_sign_SECRETKEYBYTES], raw[68];
	crypto_sign_seed_keypair(pk, sk, k->seed);
	key_id(name, RV_SIG_ED25519, pk, raw);
	crypto_sign_detached(raw + 4, NULL, (const uint8_t *)body.p, body.n, sk);
	sodium_memzero(sk, sizeof sk);
	rv_sig_line(name, raw, sizeof raw, out);
}

enum rv_code rv_checkpoint_sign(const struct rv_checkpoint *c, const struct rv_ledger_key *k,
	struct rv_buf *out, struct rv_err *err)
{
	struct rv_str origin = rv_str_of(c->origin);
	RV_AUTO_BUF body;
	rv_buf_init(&body, RV_CHECKPOINT_MAX);
	RV_TRY(rv_note_check_name(origin, err));
	rv_buf_printf(&body, "%s\n%llu\n", c->origin, (unsigned long long)c->size);
	rv_b64_add(&body, rv_str_n(c->root.b, 32));
	rv_buf_addc(&body, '\n');
	RV_TRY(rv_buf_ok(&body, err));
	rv_buf_add(out, rv_buf_str(&body));
	rv_buf_addc(out, '\n');
	rv_note_sign(rv_buf_str(&body), origin, k, out);
	return rv_buf_ok(out, err);
}
