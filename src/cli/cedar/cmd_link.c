/* reeve cedar link */
#include <stdio.h>
#include <sys/stat.h>

#include "cli/cedar/cedar_cli.h"

struct link {
	struct rv_cedar_policies policies;
	const char *template_id, *new_id, *arguments;
};

static void put_slot(struct rv_json_w *w, const char *slot, const cedar_uid *uid)
{
	const cedar_value v = { CEDAR_ENTITY, { .uid = uid } };
	if (!uid)
		return;
	size_t n = cedar_value_print(&v, NULL, 0);
	RV_AUTO_BUF text;
	rv_buf_init(&text, n + 1);
	char *p = rv_buf_room(&text, n + 1);
	if (!p)
		return;
	(void)cedar_value_print(&v, p, n + 1); /* its length is known */
	rv_json_w_kv_str(w, slot, rv_str_n(p, n));
}

/* A link as its file has it. */
static void put_link(struct rv_json_w *w, const cedar_link *l)
{
	rv_json_w_obj(w);
	rv_json_w_kv_str(w, "template_id", rv_str_n(l->template_id.p, l->template_id.n));
	rv_json_w_kv_str(w, "link_id", rv_str_n(l->id.p, l->id.n));
	rv_json_w_name(w, "args");
	rv_json_w_obj(w);
	put_slot(w, "?principal", l->principal);
	put_slot(w, "?resource", l->resource);
	rv_json_w_obj_end(w);
	rv_json_w_obj_end(w);
}

/* The command's arguments as the one link they say. */
static enum rv_code read_link(struct rv_arena *a, const struct link *o, cedar_scratch *s,
	const cedar_link **ret, struct rv_err *err)
{
	cedar_error e = { .code = CEDAR_OK };
	const struct rv_json *args;
	struct rv_json_w w;
	size_t n;
	RV_AUTO_BUF b;
	rv_buf_init(&b, RV_CEDAR_FILE_MAX);
	rv_json_w_init(&w, &b);
	if (rv_json_parse(a, rv_str_of(o->arguments), NULL, &args, err) != RV_OK) {
		rv_err_where(err, "--arguments");
		return err->code;
	}
	if (args->type != RV_JSON_OBJ)
		return RV_FAIL(err, RV_EINVAL,
			"--arguments must be an object such as {\"?principal\": "
			"\"User::\\\"alice\\\"\"}");
	rv_json_w_arr(&w);
	rv_json_w_obj(&w);
	rv_json_w_kv_strz(&w, "template_id", o->template_id);
	rv_json_w_kv_strz(&w, "link_id", o->new_id);
	rv_json_w_name(&w, "args");
	rv_json_w_value(&w, args);
	rv_json_w_obj_end(&w);
	rv_json_w_arr_end(&w);
	RV_TRY(rv_buf_ok(&b, err));
	if (cedar_links_parse_json(s, rv_cedar_str(rv_buf_str(&b)), ret, &n, &e) == CEDAR_OK)
		return RV_OK;
	e.line = 0; /* of a text nobody wrote */
	return rv_cedar_fail(&e, "--arguments", (cedar_str){ NULL, 0 }, err);
}

/* All links of the set, the new one last. */
static enum rv_code save(const struct link *o, const cedar_policies *ps, struct rv_err *err)
{
	struct stat st;
	struct rv_json_w w;
	RV_AUTO_BUF b;
	rv_buf_init(&b, RV_CEDAR_FILE_MAX);
	rv_json_w_init(&w, &b);
	rv_json_w_arr(&w);
	for (size_t i = 0; i < cedar_policies_count(ps); i++) {
		const cedar_policy_info *p = cedar_policy_at(ps, i);
		if (!p->is_linked || p->source == 0) /* 0: the set's own */
			continue;
		const cedar_link l = { cedar_policy_at(ps, p->template_index)->id, p->id,
			p->slot_principal, p->slot_resource };
		put_link(&w, &l);
	}
	rv_json_w_arr_end(&w);
	rv_buf_addc(&b, '\n');
	RV_TRY(rv_buf_ok(&b, err));
	mode_t mode = stat(o->policies.links, &st) == 0 ? st.st_mode & 07777 : 0644;
	return rv_file_write(o->policies.links, rv_buf_str(&b), mode, err);
}

static enum rv_code link_with(
	struct rv_arena *a, const struct link *o, cedar_scratch *s, struct rv_err *err)
{
	const cedar_link *link;
	cedar_policies *ps = NULL;
	cedar_error e = { .code = CEDAR_OK };
	RV_AUTO_FREE char *text = NULL;
	RV_TRY(read_link(a, o, s, &link, err));
	RV_TRY(rv_cedar_load_policy_set(a, &o->policies, link, &ps, err));
	enum rv_code code = o->policies.links ? save(o, ps, err) : RV_OK;
	if (code == RV_OK &&
		cedar_policy_to_text(ps, cedar_policy_find(ps, link->id), &text, NULL, &e) !=
			CEDAR_OK)
		code = rv_cedar_fail(&e, NULL, (cedar_str){ NULL, 0 }, err);
	if (code == RV_OK)
		printf("Template-linked policy added: %s\n", text);
	cedar_policies_free(ps);
	return code;
}

int rv_cmd_cedar_link(int argc, char **argv)
{
	static struct link o = { .policies = { .links_may_miss = true } };
	static const struct rv_opt opts[] = {
		RV_CEDAR_POLICIES_OPTS(o.policies),
		{ "template-id", 0, RV_OPT_STR, "ID", "the template", &o.template_id },
		{ "new-id", 'n', RV_OPT_STR, "ID", "of the policy that is made", &o.new_id },
		{ "arguments", 'a', RV_OPT_STR, "JSON",
			"what fills the slots: {\"?principal\": \"User::\\\"alice\\\"\"}",
			&o.arguments },
	};
	static const struct rv_usage u = { "cedar link", "", "fill a template's slots",
		"Shows the policy a template makes. With --template-linked FILE the link is added "
		"to that file, which is made if it is not there; authorize and validate read it.\n"
		"Exit status: 0, or 1 on errors.\n\n"
		"  reeve cedar link -p p.cedar -k links.json --template-id share --new-id l1 "
		"--arguments '{\"?principal\": \"User::\\\"alice\\\"\"}'",
		opts, RV_COUNT(opts), 0, 0 };
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status == 0 ? 0 : RV_CEDAR_ERROR;
	if (!o.template_id || !o.new_id || !o.arguments) {
		(void)rv_cli_bad(
			u.name, "needs --template-id, --new-id and --arguments"); /* its status is
										     not ours */
		return RV_CEDAR_ERROR;
	}
	RV_AUTO_ARENA a;
	struct rv_err err = { 0 };
	cedar_scratch *s = cedar_scratch_new();
	rv_arena_init(&a, RV_CEDAR_MEMORY_MAX);
	rv_assert(s);
	enum rv_code code = link_with(&a, &o, s, &err);
	cedar_scratch_free(s);
	if (code == RV_OK)
		return 0;
	(void)rv_cli_fail(u.name, &err);
	return RV_CEDAR_ERROR;
}
