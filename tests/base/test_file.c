#include "base/file.h"

#include <stdio.h>
#include <sys/stat.h>

#include "tests/harness.h"

static char dir[] = "/tmp/rv-file-XXXXXX";

static const char *at(const char *name)
{
	static char path[256];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	return path;
}

TEST(write_read_create)
{
	REQUIRE(mkdtemp(dir));
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 20);
	struct rv_err err = { 0 };
	struct rv_str s;
	REQUIRE_OK(rv_file_write(at("f"), RV_STR("one"), 0600, &err), &err);
	REQUIRE_OK(rv_file_write(at("f"), RV_STR("two!"), 0640, &err), &err);
	REQUIRE_OK(rv_file_read(&a, at("f"), 4, &s, &err), &err);
	CHECK_STR(s, "two!");
	struct stat st;
	CHECK(stat(at("f"), &st) == 0 && (st.st_mode & 0777) == 0640);
	CHECK(rv_file_read(&a, at("f"), 3, &s, NULL) == RV_ELIMIT);
	CHECK(rv_file_read(&a, at("none"), 3, &s, NULL) == RV_ENOENT);
	CHECK(rv_file_read(&a, dir, 3, &s, NULL) == RV_EINVAL);
	CHECK(rv_file_create(at("f"), RV_STR("x"), 0600, &err) == RV_EEXIST);
	CHECK(strstr(err.msg, "cannot create"));
	CHECK(rv_file_create(at("g"), RV_STR("x"), 0600, NULL) == RV_OK);
	CHECK(rv_file_write(at("no/such/f"), RV_STR("x"), 0600, NULL) == RV_ENOENT);
	CHECK(rv_dir_make(at("p/q/r"), 0700, NULL) == RV_OK);
	CHECK(rv_dir_make(at("p/q/r"), 0700, NULL) == RV_OK);
	CHECK(rv_dir_make(at("f/q"), 0700, NULL) != RV_OK);
	CHECK(rv_dir_make("", 0700, NULL) == RV_EINVAL);
	(void)unlink(at("f")); /* tidying only */
	(void)unlink(at("g"));
	(void)rmdir(at("p/q/r"));
	(void)rmdir(at("p/q"));
	(void)rmdir(at("p"));
	CHECK(rmdir(dir) == 0); /* no temporary file was left behind */
}

MAIN()
