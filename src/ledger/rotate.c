/* Changing the log's key. The order makes every crash harmless: the event and a checkpoint by the
 * old key; the rotation note; the checkpoint by both keys; the verifier key. A log whose rotation
 * note is there and whose verifier key is still the old one opens with the new key and puts that
 * right (ledger.c); with the old key it opens no more. */
#include "base/file.h"
#include "ledger/ledger_int.h"

static enum rv_code record(
	struct rv_ledger *l, const char *old_vkey, const char *new_vkey, struct rv_err *err)
{
	struct rv_uuid u;
	struct rv_json_w w;
	char id[RV_UUID_SIZE], time[RV_TIME_SIZE];
	int64_t now = rv_clock_unix_ns(l->clock);
	RV_AUTO_BUF b;
	rv_buf_init(&b, 4096);
	rv_uuid7(now, &u);
	rv_json_w_init(&w, &b);
	rv_json_w_obj(&w);
	rv_json_w_kv_strz(&w, "id", rv_uuid_format(&u, id));
	rv_json_w_kv_strz(&w, "time", rv_time_format(now, time));
	rv_json_w_kv_strz(&w, "kind", "service.log_key_rotated");
	rv_json_w_name(&w, "actor");
	rv_json_w_obj(&w);
	rv_json_w_kv_strz(&w, "type", "service");
	rv_json_w_kv_strz(&w, "id", "ledger");
	rv_json_w_obj_end(&w);
	rv_json_w_kv_strz(&w, "evidence", "enforced");
	rv_json_w_name(&w, "detail");
	rv_json_w_obj(&w);
	rv_json_w_kv_strz(&w, "old_key", old_vkey);
	rv_json_w_kv_strz(&w, "new_key", new_vkey);
	rv_json_w_obj_end(&w);
	rv_json_w_obj_end(&w);
	RV_TRY(rv_buf_ok(&b, err));
	const struct rv_ledger_record r = { .event = rv_buf_str(&b), .is_control = true };
	return rv_ledger_append(l, &r, 1, NULL, err);
}

static enum rv_code add_note(
	struct rv_ledger *l, const struct rv_ledger_key *new_key, uint64_t size, struct rv_err *err)
{
	char path[RV_PATH];
	RV_AUTO_BUF all;
	rv_buf_init(&all, RV_ROTATIONS_MAX);
	RV_TRY(rv_ledger_rotations(l, &all, err));
	RV_TRY(rv_rotation_write(rv_str_of(l->origin), size, rv_clock_unix_ns(l->clock), &l->key,
		new_key, &all, err));
	rv_ledger_path(l, RV_F_ROTATIONS, path);
	return rv_file_write(path, rv_buf_str(&all), 0600, err);
}

/* The newest checkpoint with the new key's signature beside the old one's. */
static enum rv_code sign_both(struct rv_ledger *l, struct rv_str note,
	const struct rv_ledger_key *new_key, struct rv_err *err)
{
	char path[RV_PATH];
	struct rv_str body, sigs;
	RV_AUTO_BUF b;
	rv_buf_init(&b, RV_CHECKPOINT_MAX);
	RV_TRY(rv_note_split(note, &body, &sigs, err));
	rv_buf_add(&b, note);
	rv_note_sign(body, rv_str_of(l->origin), new_key, &b);
	RV_TRY(rv_buf_ok(&b, err));
	rv_ledger_path(l, RV_F_CHECKPOINT, path);
	return rv_file_write(path, rv_buf_str(&b), 0600, err);
}

static enum rv_code rotate(struct rv_ledger *l, const struct rv_ledger_key *new_key,
	const char *new_vkey, struct rv_err *err)
{
	char path[RV_PATH];
	struct rv_checkpoint c;
	RV_AUTO_BUF note;
	rv_buf_init(&note, RV_CHECKPOINT_MAX);
	RV_TRY(record(l, l->vkey, new_vkey, err));
	RV_TRY(rv_ledger_checkpoint(l, true, &note, err));
	RV_TRY(rv_checkpoint_open(rv_buf_str(&note), l->vkey, &c, err));
	/* With both signatures before either key alone is asked for. */
	RV_TRY(sign_both(l, rv_buf_str(&note), new_key, err));
	RV_TRY(add_note(l, new_key, c.size, err));
	rv_ledger_path(l, RV_F_VKEY, path);
	return rv_file_write(path, rv_str_of(new_vkey), 0600, err);
}

enum rv_code rv_ledger_rotate(
	const struct rv_ledger_opts *o, const struct rv_ledger_key *new_key, struct rv_err *err)
{
	struct rv_ledger *l = NULL;
	RV_AUTO_BUF vkey;
	rv_buf_init(&vkey, RV_VKEY_MAX);
	if (!o->key || !o->origin)
		return RV_FAIL(err, RV_EINVAL, "changing the key needs the old one and the origin");
	if (memcmp(o->key->seed, new_key->seed, sizeof new_key->seed) == 0)
		return RV_FAIL(err, RV_EINVAL, "the new key is the old one");
	RV_TRY(rv_ledger_vkey(new_key, rv_str_of(o->origin), &vkey, err));
	RV_TRY(rv_ledger_open(o, &l, err));
	enum rv_code code = rotate(l, new_key, rv_buf_z(&vkey), err);
	rv_ledger_free(l);
	return code;
}
