/* The example company is applied and lives as its README says. */
#include <dirent.h>

#include "base/file.h"
#include "tests/governance/fixture.h"

enum { SOURCES_MAX = 16 };

static size_t read_acme(struct fixture *f, struct rv_source *out)
{
	static const char *const names[] = { "people.yaml", "systems.yaml", "world.yaml",
		"acme.cedar" };
	struct rv_err err = { 0 };
	const char *root = getenv("RV_SOURCE");
	for (size_t i = 0; i < RV_COUNT(names); i++) {
		out[i].path = rv_arena_printf(
			&f->arena, "%s/examples/acme/%s", root ? root : ".", names[i]);
		if (rv_file_read(&f->arena, out[i].path, 1 << 20, &out[i].text, &err) != RV_OK) {
			test_fail(__FILE__, __LINE__, "%s", err.msg);
			return 0;
		}
	}
	return RV_COUNT(names);
}

static enum rv_code apply_acme(
	struct fixture *f, const char *who, bool dry_run, struct rv_apply_report *r)
{
	struct rv_source src[SOURCES_MAX];
	struct rv_manifest_set set;
	const struct rv_apply_opts opts = { .dry_run = dry_run, .submit = true };
	size_t n = read_acme(f, src);
	rv_err_clear(&f->err);
	enum rv_code code = rv_manifest_read(&f->arena, src, n, &set, &f->err);
	if (code != RV_OK)
		return code;
	struct rv_op *op = as(f, who);
	return end(f, rv_apply(op, &set, &opts, r, &f->err));
}

TEST(acme_lives)
{
	static const char *const names[] = { "faq-bot", "invoice-agent", "deploy-bot", "social-bot",
		"ads-bot" };
	struct fixture f;
	struct rv_apply_report r;
	fixture_open(&f, false);
	make_admin(&f);
	CHECK_OK(&f, apply_acme(&f, "ada", true, &r));
	CHECK(r.n_created == r.n);
	const struct rv_snapshot *s = rv_snapshot_get(f.gov);
	CHECK(rv_snap_systems(s) == 0); /* a dry run leaves nothing */
	rv_snapshot_unref(s);
	CHECK_OK(&f, apply_acme(&f, "ada", false, &r));
	CHECK(r.n_created == r.n);
	CHECK_OK(&f, apply_acme(&f, "ada", false, &r));
	CHECKF(r.n_unchanged == r.n, "unchanged %zu of %zu", r.n_unchanged, r.n);
	for (size_t i = 0; i < RV_COUNT(names); i++) {
		struct rv_str name = rv_str_of(names[i]);
		struct rv_issued cred;
		CHECK_CODE(&f, AS(&f, "ada", rv_system_approve, name, 0, RV_STR("")), RV_EPERM);
		CHECK_CODE(&f, AS(&f, "olivia", rv_system_approve, name, 0, RV_STR("")), RV_EPERM);
		CHECK_OK(&f, AS(&f, "gordon", rv_system_approve, name, 0, RV_STR("looked at it")));
		CHECK_OK(&f,
			AS(&f, "olivia", rv_credential_issue, RV_CRED_SYSTEM, name, RV_STR("acme"),
				RV_DAY_NS, &cred));
		CHECK_OK(&f, AS(&f, "olivia", rv_system_activate, name));
	}
	s = rv_snapshot_get(f.gov);
	for (size_t i = 0; i < RV_COUNT(names); i++)
		CHECKF(!rv_snap_refusal(
			       s, rv_snap_system(s, rv_str_of(names[i])), rv_gov_now(f.gov)),
			"%s", names[i]);
	const struct rv_snap_system *ads = rv_snap_system(s, RV_STR("ads-bot"));
	CHECK(ads->n_limits == 1 && ads->limits[0].max == 1000000 && ads->limits[0].holds);
	CHECK(rv_snap_resource(s, RV_STR("Dataset"), RV_STR("finance")));
	CHECK(rv_snap_point_may_ask(rv_snap_point(s, RV_STR("exec-runner")), RV_STR("ads-bot")));
	CHECK(!rv_snap_point_may_ask(rv_snap_point(s, RV_STR("exec-runner")), RV_STR("faq-bot")));
	CHECK(rv_snap_policy_version(s) > 0);
	rv_snapshot_unref(s);
	/* The same from the disk. */
	fixture_reopen(&f, false);
	s = rv_snapshot_get(f.gov);
	CHECK(rv_snap_systems(s) == 5);
	ads = rv_snap_system(s, RV_STR("ads-bot"));
	CHECK(ads && ads->n_limits == 1 && ads->wrapped_key.n > 0);
	rv_snapshot_unref(s);
	fixture_done(&f);
}

MAIN()
