/* `reeve exec` and the runner together: what is asked, what each answer means to the worker. */
#include "tests/points/exec_rig.h"

#include <signal.h>
#include <sys/stat.h>

#include "base/enc.h"

static struct rig_end end;

TEST(allowed_command_runs_with_exactly_what_was_asked)
{
	struct rig r;
	char site[128], input[160];
	if (!rig_start(&r, NULL))
		return;
	rig_file(&r, "site.tar", "hello site", 10, 0600, site);
	(void)snprintf(input, sizeof input, "site=%s", site);
	rig_exec(&r, "release", "target=staging", input, 0, &end);
	CHECKF(end.status == 0, "status %d: %s", end.status, end.err);
	CHECK_STR(rv_str_of(end.out), "staging --from=/proc/self/fd/3\n");
	CHECK_STR(rv_str_of(end.err), "");
	const struct rig_call *ask = rig_call(&r, "/access/v1/evaluation", 0);
	REQUIRE(ask);
	/* sha256 of "hello site" */
	static const char *const wanted[] = {
		"\"subject\":{\"type\":\"System\",\"id\":\"deploy-bot\"}",
		"\"action\":{\"name\":\"deploy\"}",
		"\"resource\":{\"type\":\"Service\",\"id\":\"shop-staging\"}",
		"\"effect\":\"write\"",
		"\"argv\":[\"/bin/echo\",\"staging\",\"--from={input:site}\"]",
		"\"params\":{\"target\":\"staging\"}",
		"\"cwd\":\"/tmp\"",
		"\"env\":{\"STAGE\":\"yes-please\"}",
		"\"executable\":\"sha256:",
		"\"target_user\":\"",
		"\"reeve\":{\"act\":true}",
	};
	for (size_t i = 0; i < RV_COUNT(wanted); i++)
		CHECKF(strstr(ask->body, wanted[i]), "%s not in %s", wanted[i], ask->body);
	struct rv_sha256 h;
	char hex[65], line[120];
	rv_sha256_of(RV_STR("hello site"), &h);
	rv_hex_z(h.b, 32, hex);
	(void)snprintf(line, sizeof line, "\"inputs\":{\"site\":\"sha256:%s\"}", hex);
	CHECKF(strstr(ask->body, line), "%s not in %s", line, ask->body);
	CHECK_STR(rv_str_of(ask->auth), "Bearer rvp_pointpointpointpointpointpointpointpoint000");
	CHECK_STR(rv_str_of(ask->subject), "rvs_workerworkerworkerworkerworkerworkerwork00");
	CHECK(strlen(ask->request_id) == 36);
	const struct rig_call *out = rig_call(&r, "/v1/outcomes", 0);
	REQUIRE(out);
	CHECK(strstr(out->body, r.fake->seen_intent));
	CHECK(strstr(out->body, "\"status\":\"succeeded\""));
	CHECK(strstr(out->body, "\"exit\":0"));
	CHECK(strstr(out->body, "\"group_empty\":true"));
	CHECK(!strstr(out->body, "settle"));
	rig_stop(&r);
}

TEST(money_is_one_number_everywhere)
{
	struct rig r;
	struct rig_worker w;
	const char *params[] = { "amount=12.5", "campaign=autumn" };
	if (!rig_start(&r, NULL))
		return;
	rig_worker_start(&r, &w,
		(struct rv_exec_client_opts){
			.command = "spend", .params = params, .n_params = 2 });
	rig_worker_end(&w, &end);
	CHECKF(end.status == 0, "status %d: %s", end.status, end.err);
	CHECK_STR(rv_str_of(end.out), "12.50 for autumn\n");
	const struct rig_call *ask = rig_call(&r, "/access/v1/evaluation", 0);
	REQUIRE(ask);
	CHECK(strstr(ask->body, "\"amount\":\"12.50\",\"arguments\""));
	CHECK(strstr(ask->body, "\"limits\":{\"ad-spend\":\"12.50\"}"));
	const struct rig_call *out = rig_call(&r, "/v1/outcomes", 0);
	REQUIRE(out);
	/* Success settles what was reserved. */
	CHECK(strstr(out->body, "succeeded") && !strstr(out->body, "settle"));
	rig_stop(&r);
}

TEST(answers_other_than_allow_run_nothing)
{
	static const struct {
		enum rig_mode mode;
		int status;
		const char *says;
	} cases[] = {
		{ RIG_DENY, RV_EXEC_EXIT_DENIED, "because of no_permit" },
		{ RIG_HOLD, RV_EXEC_EXIT_HELD, "release-managers" },
		{ RIG_AUDIT, RV_EXEC_EXIT_UNAVAILABLE, "audit_unavailable" },
		{ RIG_401, RV_EXEC_EXIT_REFUSED, "no valid credential" },
		{ RIG_500, RV_EXEC_EXIT_UNAVAILABLE, "unavailable" },
		{ RIG_GARBAGE, RV_EXEC_EXIT_REFUSED, "no JSON" },
		{ RIG_NO_INTENT, RV_EXEC_EXIT_REFUSED, "without an intent" },
		{ RIG_CONTRADICTION, RV_EXEC_EXIT_REFUSED, "contradict" },
		{ RIG_REVERSED, RV_EXEC_EXIT_REFUSED, "contradict" },
		{ RIG_ODD_OUTCOME, RV_EXEC_EXIT_REFUSED, "none of allow, hold, deny" },
		{ RIG_EMPTY, RV_EXEC_EXIT_REFUSED, "no decision" },
	};
	struct rig r;
	if (!rig_start(&r, NULL))
		return;
	for (size_t i = 0; i < RV_COUNT(cases); i++) {
		r.fake->mode = cases[i].mode;
		rig_exec(&r, "scene", "scene=echo", NULL, 0, &end);
		CHECKF(end.status == cases[i].status, "mode %d: %d, %s", cases[i].mode, end.status,
			end.err);
		CHECKF(strstr(end.err, cases[i].says), "mode %d: %s", cases[i].mode, end.err);
		CHECKF(end.out[0] == '\0', "mode %d ran", cases[i].mode);
	}
	CHECK(r.fake->n_outcomes == 0);
	CHECK(rig_spool_files(&r, ".json") == 0);
	rig_stop(&r);
}

TEST(refused_before_anybody_is_asked)
{
	static const struct {
		const char *command, *param, *system, *says;
	} cases[] = {
		{ "nothing", NULL, NULL, "no command" },
		{ "../scene", NULL, NULL, "no command's name" },
		{ "scene", NULL, NULL, "'scene' is missing" },
		{ "scene", "scene=", NULL, "1 to 20 bytes" },
		{ "scene", "scene=abcdefghijklmnopqrstu", NULL, "1 to 20 bytes" },
		{ "scene", "scene=echo;id", NULL, "not in its set" },
		{ "scene", "scene=Echo", NULL, "not in its set" },
		{ "scene", "other=echo", NULL, "no parameter 'other'" },
		{ "scene", "scene", NULL, "write NAME=VALUE" },
		{ "scene", "=echo", NULL, "write NAME=VALUE" },
		{ "scene", "scene=echo", "ads-bot", "does not speak for 'ads-bot'" },
		{ "scene", "scene=echo", "Deploy", "no system's name" },
		{ "release", "target=staging", NULL, "'site' is missing" },
		{ "release", "target=moon", NULL, "one of: staging, production" },
		{ "spend", "amount=1", NULL, "'campaign' is missing" },
		{ "spend", "amount=1.234", NULL, "digits behind the point" },
		{ "spend", "amount=-1", NULL, "digits behind the point" },
		{ "spend", "amount=1e3", NULL, "digits behind the point" },
		{ "spend", "amount=01", NULL, "digits behind the point" },
		{ "spend", "amount=5000.01", NULL, "out of its range" },
		{ "spend", "amount=0", NULL, "out of its range" },
		{ "spend", "amount=99999999999999999999", NULL, "digits behind the point" },
		{ "spend", "campaign=-rf", NULL, "taken for an option" },
		{ "spend", "campaign=a/../b", NULL, "'..'" },
		{ "spend", "campaign=..", NULL, "'..'" },
	};
	struct rig r;
	if (!rig_start(&r, NULL))
		return;
	for (size_t i = 0; i < RV_COUNT(cases); i++) {
		struct rig_worker w;
		rig_worker_start(&r, &w,
			(struct rv_exec_client_opts){ .command = cases[i].command,
				.params = &cases[i].param,
				.n_params = cases[i].param ? 1 : 0,
				.system = cases[i].system });
		rig_worker_end(&w, &end);
		CHECKF(end.status == RV_EXEC_EXIT_REFUSED, "case %zu: %d %s", i, end.status,
			end.err);
		CHECKF(strstr(end.err, cases[i].says), "case %zu: %s", i, end.err);
	}
	CHECK(r.fake->n_calls == 0);
	rig_stop(&r);
}

TEST(no_server_is_unavailable)
{
	struct rig r;
	if (!rig_start(&r, NULL))
		return;
	rig_serve_kill(&r);
	rig_exec(&r, "scene", "scene=echo", NULL, 0, &end);
	CHECKF(end.status == RV_EXEC_EXIT_UNAVAILABLE, "status %d: %s", end.status, end.err);
	CHECK(end.out[0] == '\0');
	rig_stop(&r);
}

TEST(no_runner_is_unavailable)
{
	struct rig r;
	if (!rig_start(&r, NULL))
		return;
	rig_runner_signal(&r, SIGTERM);
	CHECK(access(r.socket, F_OK) != 0);
	rig_exec(&r, "scene", "scene=echo", NULL, 0, &end);
	CHECKF(end.status == RV_EXEC_EXIT_UNAVAILABLE, "status %d: %s", end.status, end.err);
	CHECK(strstr(end.err, "no runner at"));
	rig_stop(&r);
}

TEST(credentials_that_others_can_read_are_not_used)
{
	struct rig r;
	char path[128];
	if (!rig_start(&r, NULL))
		return;
	static const mode_t modes[] = { 0644, 0640, 0604, 0660 };
	for (size_t i = 0; i < RV_COUNT(modes); i++) {
		CHECK(chmod(r.token, modes[i]) == 0);
		rig_exec(&r, "scene", "scene=echo", NULL, 0, &end);
		CHECKF(end.status == RV_EXEC_EXIT_REFUSED && strstr(end.err, "chmod 600"),
			"mode %o: %d %s", (unsigned)modes[i], end.status, end.err);
	}
	static const char *const bad[] = { "", "rvp_somebodyelse", "password", "rvs_two words",
		"rvs_" };
	for (size_t i = 0; i < RV_COUNT(bad); i++) {
		rig_file(&r, "worker.token", bad[i], strlen(bad[i]), 0600, path);
		rig_exec(&r, "scene", "scene=echo", NULL, 0, &end);
		CHECKF(end.status == RV_EXEC_EXIT_REFUSED && !strstr(end.err, "somebodyelse"),
			"'%s': %d %s", bad[i], end.status, end.err);
	}
	CHECK(r.fake->n_calls == 0);
	/* The point's own. */
	(void)snprintf(path, sizeof path, "%s/point.token", r.dir);
	CHECK(chmod(path, 0644) == 0);
	rig_file(&r, "worker.token", "rvs_worker00000", 15, 0600, path);
	rig_exec(&r, "scene", "scene=echo", NULL, 0, &end);
	CHECKF(end.status == RV_EXEC_EXIT_UNAVAILABLE && strstr(end.err, "chmod 600"), "%d %s",
		end.status, end.err);
	CHECK(r.fake->n_calls == 0);
	rig_stop(&r);
}

TEST(json_tells_each_step)
{
	struct rig r;
	struct rig_worker w;
	const char *param = "scene=binary";
	if (!rig_start(&r, NULL))
		return;
	rig_worker_start(&r, &w,
		(struct rv_exec_client_opts){
			.command = "scene", .params = &param, .n_params = 1, .json = true });
	rig_worker_end(&w, &end);
	CHECK(end.status == 0);
	CHECK(end.err[0] == '\0');
	CHECKF(rig_count(end.out, "\n") == 3, "%s", end.out);
	CHECK(strstr(end.out, "{\"type\":\"allowed\""));
	CHECK(strstr(end.out, "\"base64\":\"/wAB\""));
	CHECK(strstr(end.out, "\"outcome\":\"succeeded\",\"outcome_recorded\":true"));
	r.fake->mode = RIG_DENY;
	rig_worker_start(&r, &w,
		(struct rv_exec_client_opts){
			.command = "scene", .params = &param, .n_params = 1, .json = true });
	rig_worker_end(&w, &end);
	CHECK(end.status == RV_EXEC_EXIT_DENIED);
	CHECK(strstr(end.out, "\"status\":\"denied\"") && strstr(end.out, "no_permit"));
	rig_stop(&r);
}

MAIN()
